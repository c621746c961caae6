/* attune.yaml of any bytes: a configuration that holds what its header promises, or findings. */
#include <attune/conf_table.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

static void check(const struct conf *conf)
{
    if (conf->mailbox_count == 0 || conf->mailbox_count > CONF_MAX_MAILBOXES || conf->staff_count == 0 ||
        conf->staff_count > CONF_MAX_STAFF || conf->clinical_count == 0 || conf->clinical_count > CONF_MAX_STEPS ||
        !conf->state_dir || !conf->run_dir)
        abort();
    for (size_t i = 0; i < conf->mailbox_count; i++) {
        const struct conf_mailbox *mailbox = &conf->mailboxes[i];
        if (mailbox->tls == FETCH_TLS_NONE && !conf_host_is_loopback(mailbox->host))
            abort();
        for (size_t j = 0; j < mailbox->also_read_count; j++)
            if (strpbrk(mailbox->also_read[j], "\r\n"))
                abort();
    }
    for (size_t i = 0; i < conf->clinical_count; i++)
        if (strcmp(conf->clinical[i].to, CONF_EVERYBODY) != 0 && !conf_find_person(conf, conf->clinical[i].to))
            abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    static struct conf conf;
    memset(&conf, 0, sizeof conf);
    conf.file = "input";
    conf.arena = arena_new(16 * 1024 * 1024);
    struct diag diag;
    struct yaml_node *root;
    diag_init(&diag);
    struct conf_reader reader = {.arena = conf.arena, .file = conf.file, .diag = &diag};
    if (yaml_parse(conf.arena, conf.file, (struct str){(const char *)bytes, length}, &root, &diag) == ERR_OK) {
        conf_read_section(&reader, &conf_root, root, "", &conf);
        if (diag.errors == 0 && !reader.out_of_memory)
            conf_check(&conf, root, &diag);
        if (diag.errors == 0 && !reader.out_of_memory)
            check(&conf);
    }
    diag_free(&diag);
    arena_free(&conf.arena);
    return 0;
}
