/* The journal: listings, UIDVALIDITY, moves, pages, damaged files, and a disk that refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/clock.h>
#include <attune/journal.h>
#include <attune/journal_sql.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

static struct journal *open_journal(void)
{
    struct journal *journal = NULL;
    struct diag diag;
    diag_init(&diag);
    assert_int_equal(journal_open(folder, &journal, &diag), ERR_OK);
    diag_free(&diag);
    return journal;
}

static int set_up(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/attune-journal-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    *state = open_journal();
    return 0;
}

static int tear_down(void **state)
{
    struct journal *journal = *state;
    journal_close(&journal);
    return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static size_t list(struct journal *journal, uint32_t uidvalidity, uint32_t from, uint32_t to, const uint32_t *uids,
                   size_t count, size_t *fresh)
{
    return journal_take_listing(journal, "support", "INBOX", uidvalidity, from, to, uids, count, fresh);
}

static size_t find(struct journal *journal, enum message_state state, struct message_row *rows, size_t maximum)
{
    return journal_find_messages(journal, "support", state, 0, INT64_MAX, rows, maximum);
}

/* A decided row without cues: decide() is not what is tested here. */
static void decide_row(struct journal *journal, int64_t id, unsigned char mark, const char *destination)
{
    static const struct route route = {
        .id = "review", .urgency = URGENCY_REVIEW, .queue = QUEUE_CLINICAL, .deadline_s = 60};
    unsigned char fingerprint[HASH_SIZE], rules[HASH_SIZE] = {1};
    memset(fingerprint, mark, sizeof fingerprint);
    struct verdict verdict = {.class = CLASS_HUMAN, .language = "en"};
    struct decision decision = {.urgency = URGENCY_REVIEW, .route = &route};
    struct decided decided = {.id = id,
                              .fingerprint = fingerprint,
                              .size = 100,
                              .case_id = "abcdefghijklmnopqrstuvwxyz",
                              .rules = rules,
                              .verdict = &verdict,
                              .decision = &decision,
                              .destination = destination,
                              .now_ms = 1000};
    journal_decide(journal, &decided);
}

/* --- listings --------------------------------------------------------------------------------------------------------
 */

static void test_listing_is_taken_once(void **state)
{
    struct journal *journal = *state;
    struct message_row rows[8];
    size_t fresh;
    uint32_t uids[] = {3, 7, 9};
    assert_int_equal(list(journal, 5, 1, 9, uids, 3, &fresh), 0);
    assert_int_equal(fresh, 3);
    assert_int_equal(list(journal, 5, 1, 9, uids, 3, &fresh), 0);
    assert_int_equal(fresh, 0);
    assert_int_equal(journal_commit(journal), ERR_OK);
    assert_int_equal(find(journal, MESSAGE_LISTED, rows, 8), 3);
    assert_int_equal(rows[0].uid, 3);
    assert_int_equal(rows[2].uid, 9);
}

static void test_what_vanished_unread_is_counted(void **state)
{
    struct journal *journal = *state;
    struct message_row rows[8];
    size_t fresh;
    uint32_t before[] = {3, 7, 9}, after[] = {3, 9, 12};
    list(journal, 5, 1, 9, before, 3, &fresh);
    /* Only the range that the listing speaks of says anything about what is missing. */
    assert_int_equal(list(journal, 5, 9, 12, after + 1, 2, &fresh), 0);
    assert_int_equal(fresh, 1);
    assert_int_equal(list(journal, 5, 1, 12, after, 3, &fresh), 1);
    assert_int_equal(find(journal, MESSAGE_LISTED, rows, 8), 3);
    assert_int_equal(journal_count_gone_since(journal, 0), 1);
}

static void test_a_decided_message_does_not_vanish_unread(void **state)
{
    struct journal *journal = *state;
    struct message_row row;
    size_t fresh;
    uint32_t uid = 3;
    list(journal, 5, 1, 3, &uid, 1, &fresh);
    find(journal, MESSAGE_LISTED, &row, 1);
    decide_row(journal, row.id, 1, "Clinical/Review");
    assert_int_equal(list(journal, 5, 1, 3, NULL, 0, &fresh), 0);
    assert_int_equal(find(journal, MESSAGE_DECIDED, &row, 1), 1);
}

static void test_retries_wait_for_their_time(void **state)
{
    struct journal *journal = *state;
    struct message_row row;
    size_t fresh;
    uint32_t uid = 3;
    list(journal, 5, 1, 3, &uid, 1, &fresh);
    find(journal, MESSAGE_LISTED, &row, 1);
    journal_retry_message(journal, row.id, 5000);
    assert_int_equal(journal_find_messages(journal, "support", MESSAGE_LISTED, 0, 4999, &row, 1), 0);
    assert_false(journal_has_due(journal, "support", 4999));
    assert_true(journal_has_due(journal, "support", 5000));
    assert_int_equal(journal_find_messages(journal, "support", MESSAGE_LISTED, 0, 5000, &row, 1), 1);
    assert_int_equal(row.attempts, 1);
}

/* --- UIDVALIDITY
 * ------------------------------------------------------------------------------------------------------ */

static void test_uidvalidity_change_finds_again_by_fingerprint(void **state)
{
    struct journal *journal = *state;
    struct message_row rows[4];
    unsigned char mark[HASH_SIZE];
    size_t fresh;
    uint32_t uids[] = {1, 2, 3}, anew[] = {10, 11};
    list(journal, 5, 1, 3, uids, 3, &fresh);
    find(journal, MESSAGE_LISTED, rows, 4);
    decide_row(journal, rows[0].id, 'a', "Clinical/Review");
    decide_row(journal, rows[1].id, 'b', NULL);
    journal_freeze_folder(journal, "support", "INBOX", 6);
    assert_int_equal(find(journal, MESSAGE_LISTED, rows, 4), 0);
    assert_int_equal(find(journal, MESSAGE_DECIDED, rows, 4), 0);
    list(journal, 6, 10, 11, anew, 2, &fresh);
    assert_int_equal(find(journal, MESSAGE_LISTED, rows, 4), 2);
    int64_t first = rows[0].id, second = rows[1].id;
    /* Still listed rows: the frozen one may yet be found. */
    assert_int_equal(journal_end_frozen(journal, "support", "INBOX"), 0);
    memset(mark, 'a', sizeof mark);
    assert_true(journal_relink(journal, second, mark));
    assert_false(journal_relink(journal, second, mark));
    memset(mark, 'z', sizeof mark);
    assert_false(journal_relink(journal, first, mark));
    /* The frozen one waits to be moved again, under its new place. */
    assert_int_equal(find(journal, MESSAGE_DECIDED, rows, 4), 1);
    assert_int_equal(rows[0].uid, 11);
    assert_int_equal(rows[0].uidvalidity, 6);
    /* The one that stays in the inbox is known again too, and is not decided twice. */
    memset(mark, 'b', sizeof mark);
    assert_true(journal_relink(journal, first, mark));
    assert_int_equal(find(journal, MESSAGE_LISTED, rows, 4), 0);
}

static void test_frozen_and_not_found_again_was_taken(void **state)
{
    struct journal *journal = *state;
    struct message_row row;
    size_t fresh;
    uint32_t uid = 1;
    list(journal, 5, 1, 1, &uid, 1, &fresh);
    find(journal, MESSAGE_LISTED, &row, 1);
    decide_row(journal, row.id, 'a', "Clinical/Review");
    journal_freeze_folder(journal, "support", "INBOX", 6);
    assert_int_equal(journal_end_frozen(journal, "support", "INBOX"), 1);
    assert_true(journal_get_message(journal, row.id, &row));
    assert_int_equal(row.state, MESSAGE_TAKEN);
}

/* --- moves
 * -------------------------------------------------------------------------------------------------------------- */

static void test_an_intent_survives_a_restart(void **state)
{
    struct journal *journal = *state;
    struct message_row row;
    size_t fresh;
    uint32_t uid = 1;
    list(journal, 5, 1, 1, &uid, 1, &fresh);
    find(journal, MESSAGE_LISTED, &row, 1);
    decide_row(journal, row.id, 'a', "Clinical/Review");
    journal_begin_move(journal, row.id, "Clinical/Review", 77, 12);
    assert_int_equal(journal_commit(journal), ERR_OK);
    journal_close(&journal);
    *state = journal = open_journal();
    assert_int_equal(find(journal, MESSAGE_MOVING, &row, 1), 1);
    assert_string_equal(row.destination, "Clinical/Review");
    assert_int_equal(row.destination_uidvalidity, 77);
    assert_int_equal(row.destination_uidnext, 12);
    assert_true(row.has_fingerprint);
    journal_end_move(journal, row.id, 77, 12);
    assert_int_equal(find(journal, MESSAGE_MOVING, &row, 1), 0);
}

/* What was not committed when the process died is not there; what was is. */
static void test_a_killed_process_keeps_its_commits(void **state)
{
    struct journal *journal = *state;
    char value[16];
    journal_close(&journal);
    pid_t child = fork();
    if (child == 0) {
        journal = open_journal();
        journal_set_meta(journal, "kept", "yes");
        journal_commit(journal);
        journal_set_meta(journal, "lost", "yes");
        kill(getpid(), SIGKILL);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    *state = journal = open_journal();
    journal_get_meta(journal, "kept", value, sizeof value);
    assert_string_equal(value, "yes");
    journal_get_meta(journal, "lost", value, sizeof value);
    assert_string_equal(value, "");
}

/* --- pages
 * --------------------------------------------------------------------------------------------------------------- */

static void open_alert(struct journal *journal, const char *id)
{
    struct alert_row alert = {.kind = "message", .subject = "support", .urgency = URGENCY_NOW, .opened_ms = 1000};
    snprintf(alert.id, sizeof alert.id, "%s", id);
    assert_true(journal_open_alert(journal, &alert, 1));
    assert_false(journal_open_alert(journal, &alert, 2));
}

static void add_page(struct journal *journal, const char *alert, uint32_t ring, const char *channel, const char *id,
                     int64_t due_ms)
{
    struct outbox_row row = {.step = 0, .ring = ring, .person = "ana", .due_ms = due_ms};
    snprintf(row.alert, sizeof row.alert, "%s", alert);
    snprintf(row.channel, sizeof row.channel, "%s", channel);
    snprintf(row.webhook_id, sizeof row.webhook_id, "%s", id);
    journal_add_outbox(journal, &row);
}

static void test_a_ring_replaces_the_one_never_accepted(void **state)
{
    struct journal *journal = *state;
    struct outbox_row rows[8];
    open_alert(journal, "aaaaaaaa");
    add_page(journal, "aaaaaaaa", 0, "phone", "id-0", 1000);
    add_page(journal, "aaaaaaaa", 0, "phone", "id-0", 1000); /* a crash repeats the same id */
    assert_int_equal(journal_due_outbox(journal, 1000, 8, rows, 8), 1);
    add_page(journal, "aaaaaaaa", 1, "phone", "id-1", 2000);
    assert_int_equal(journal_due_outbox(journal, 9000, 8, rows, 8), 1);
    assert_string_equal(rows[0].webhook_id, "id-1");
}

static void test_an_accepted_page_spares_the_next_channel(void **state)
{
    struct journal *journal = *state;
    struct outbox_row rows[8];
    open_alert(journal, "aaaaaaaa");
    add_page(journal, "aaaaaaaa", 0, "phone", "id-p", 1000);
    add_page(journal, "aaaaaaaa", 0, "chat", "id-c", 31000);
    assert_int_equal(journal_due_outbox(journal, 1000, 8, rows, 8), 1);
    journal_accept_outbox(journal, rows[0].id, 200, 1500);
    assert_int_equal(journal_due_outbox(journal, 90000, 8, rows, 8), 0);
    assert_int_equal(journal_next_page_due(journal), INT64_MAX);
}

static void test_an_unaccepted_page_starts_the_next_channel(void **state)
{
    struct journal *journal = *state;
    struct outbox_row rows[8];
    open_alert(journal, "aaaaaaaa");
    add_page(journal, "aaaaaaaa", 0, "phone", "id-p", 1000);
    add_page(journal, "aaaaaaaa", 0, "chat", "id-c", 31000);
    journal_due_outbox(journal, 1000, 8, rows, 8);
    journal_retry_outbox(journal, rows[0].id, 500, 6000);
    assert_int_equal(journal_outbox_attempts(journal, rows[0].id), 1);
    assert_int_equal(journal_due_outbox(journal, 31000, 8, rows, 8), 2);
}

static void test_a_channel_that_hangs_does_not_hide_the_others(void **state)
{
    struct journal *journal = *state;
    struct outbox_row rows[8];
    char id[16];
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "alert-%d", i);
        open_alert(journal, id);
        add_page(journal, id, 0, "phone", id, 1000 + i);
    }
    open_alert(journal, "last");
    add_page(journal, "last", 0, "chat", "id-last", 5000);
    assert_int_equal(journal_due_outbox(journal, 9000, 4, rows, 8), 5);
    assert_string_equal(rows[4].channel, "chat");
}

static void test_an_acknowledgement_stops_everything(void **state)
{
    struct journal *journal = *state;
    struct outbox_row pages[8];
    struct ladder_row steps[8];
    struct alert_row alert;
    bool already;
    open_alert(journal, "aaaaaaaa");
    journal_add_ladder(journal, "aaaaaaaa", 0, 1000);
    journal_add_ladder(journal, "aaaaaaaa", 1, 5000);
    add_page(journal, "aaaaaaaa", 0, "phone", "id-p", 1000);
    assert_int_equal(journal_due_ladder(journal, 4999, steps, 8), 1);
    journal_advance_ladder(journal, &steps[0], 3000);
    assert_int_equal(journal_due_ladder(journal, 3000, steps, 8), 1);
    assert_int_equal(steps[0].ring, 1);
    assert_true(journal_acknowledge(journal, "aaaaaaaa", "ana", 4000, &already));
    assert_false(already);
    assert_int_equal(journal_due_ladder(journal, INT64_MAX, steps, 8), 0);
    assert_int_equal(journal_due_outbox(journal, INT64_MAX, 8, pages, 8), 0);
    assert_true(journal_acknowledge(journal, "aaaaaaaa", "bor", 5000, &already));
    assert_true(already);
    assert_true(journal_get_alert(journal, "aaaaaaaa", &alert));
    assert_string_equal(alert.acknowledged_by, "ana");
    assert_false(journal_acknowledge(journal, "bbbbbbbb", "ana", 4000, &already));
}

static void test_a_case_is_found_by_its_beginning(void **state)
{
    struct journal *journal = *state;
    char id[CASE_ID_SIZE];
    open_alert(journal, "aaaaaabb");
    open_alert(journal, "aaaaaacc");
    assert_int_equal(journal_find_case(journal, "aaaaaa", id), FOUND_SEVERAL);
    assert_int_equal(journal_find_case(journal, "aaaaaac", id), FOUND_ONE);
    assert_string_equal(id, "aaaaaacc");
    assert_int_equal(journal_find_case(journal, "zzzzzz", id), FOUND_NONE);
}

/* --- a disk that refuses
 * -------------------------------------------------------------------------------------------------- */

/* From now on no file of this process may grow past `bytes`: what a full disk does to a write (EFBIG for ENOSPC). */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void test_a_full_disk_frees_the_reserve_and_then_goes_to_memory(void **state)
{
    struct journal *journal = *state;
    struct message_row rows[4];
    size_t fresh;
    uint32_t uid = 1, second = 2;
    list(journal, 5, 1, 1, &uid, 1, &fresh);
    assert_int_equal(journal_commit(journal), ERR_OK);
    assert_false(journal_is_short_of_space(journal));
    limit_files(1);
    open_alert(journal, "aaaaaaaa");
    assert_int_equal(journal_commit(journal), ERR_SYSTEM); /* the reserve is freed */
    assert_true(journal_is_short_of_space(journal));
    assert_false(journal_is_volatile(journal));
    open_alert(journal, "aaaaaaaa");
    assert_int_equal(journal_commit(journal), ERR_SYSTEM); /* and that was not enough */
    assert_true(journal_is_volatile(journal));
    /* What was durable is here, and pages can be kept. */
    assert_int_equal(find(journal, MESSAGE_LISTED, rows, 4), 1);
    open_alert(journal, "aaaaaaaa");
    journal_add_ladder(journal, "aaaaaaaa", 0, 1000);
    list(journal, 5, 2, 2, &second, 1, &fresh);
    assert_int_equal(journal_commit(journal), ERR_OK);
    assert_false(journal_try_disk(journal));
    limit_files(RLIM_INFINITY);
    assert_true(journal_try_disk(journal));
    assert_false(journal_is_volatile(journal));
    journal_close(&journal);
    *state = journal = open_journal();
    struct ladder_row step;
    assert_int_equal(journal_due_ladder(journal, 1000, &step, 1), 1);
    assert_int_equal(find(journal, MESSAGE_LISTED, rows, 4), 2);
}

static enum err open_damaged(void)
{
    struct journal *journal = NULL;
    struct diag diag;
    diag_init(&diag);
    enum err error = journal_open(folder, &journal, &diag);
    assert_true(error == ERR_OK || diag.errors > 0);
    journal_close(&journal);
    diag_free(&diag);
    return error;
}

static void test_a_damaged_file_is_refused_with_a_sentence(void **state)
{
    struct journal *journal = *state;
    char path[128];
    size_t fresh;
    for (uint32_t uid = 1; uid <= 2000; uid++)
        list(journal, 5, uid, uid, &uid, 1, &fresh);
    assert_int_equal(journal_commit(journal), ERR_OK);
    journal_close(&journal);
    *state = NULL;
    snprintf(path, sizeof path, "%s/journal.db", folder);
    int fd = open(path, O_RDWR);
    struct stat about;
    fstat(fd, &about);
    /* Over the middle of the file: pages that are no longer pages. */
    char noise[8192];
    memset(noise, 0x5a, sizeof noise);
    assert_int_equal(pwrite(fd, noise, sizeof noise, about.st_size / 2 / 4096 * 4096), sizeof noise);
    close(fd);
    assert_int_equal(open_damaged(), ERR_INPUT);
    /* Not a database at all, and one cut short. */
    fd = open(path, O_RDWR | O_TRUNC);
    assert_int_equal(write(fd, noise, 4096), 4096);
    close(fd);
    assert_int_equal(open_damaged(), ERR_INPUT);
}

static void test_a_newer_schema_is_refused(void **state)
{
    struct journal *journal = *state;
    assert_int_equal(sqlite3_exec(journal->database, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
    journal_close(&journal);
    *state = NULL;
    assert_int_equal(open_damaged(), ERR_INPUT);
}

/* --- cases ----------------------------------------------------------------------------------------------------------- */

static const char CASE[] = "abcdefghijklmnopqrstuvwxyz";

/* A decided message with a page that was rung once; its row's id. */
static int64_t make_case(struct journal *journal)
{
    static const uint32_t uids[] = {7};
    size_t fresh;
    list(journal, 5, 1, 7, uids, 1, &fresh);
    int64_t id = journal_number(journal, 0, "SELECT id FROM message WHERE uid = 7", "");
    journal_run(journal,
                "UPDATE message SET state = 3, decided_at = 10, case_id = ?, queue = 0, route = 'r' WHERE id = ?", "ti",
                CASE, id);
    struct alert_row alert = {.kind = "message", .subject = "support", .urgency = URGENCY_NOW, .opened_ms = 20};
    struct outbox_row page = {
        .alert = "abcdefghijklmnopqrstuvwxyz", .person = "ana", .channel = "phone", .webhook_id = "w"};
    memcpy(alert.id, CASE, sizeof CASE);
    assert_true(journal_open_alert(journal, &alert, id));
    journal_add_ladder(journal, CASE, 0, 20);
    journal_add_outbox(journal, &page);
    return id;
}

static void test_closing_ends_the_page(void **state)
{
    struct journal *journal = *state;
    struct case_row row;
    bool already = true;
    assert_false(journal_close_case(journal, CASE, "ana", 30, &already));
    int64_t id = make_case(journal);
    assert_true(journal_has_ringing(journal));
    assert_true(journal_close_case(journal, CASE, "ana", 30, &already));
    assert_false(already);
    assert_true(journal_get_case_of(journal, id, &row));
    assert_int_equal(row.item.closed_ms, 30);
    assert_string_equal(row.item.closed_by, "ana");
    assert_string_equal(row.item.acknowledged_by, "ana");
    assert_false(journal_has_ringing(journal));
    assert_int_equal(journal_next_page_due(journal), INT64_MAX);
    assert_true(journal_close_case(journal, CASE, "ben", 40, &already));
    assert_true(already);
    journal_get_case(journal, CASE, &row);
    assert_string_equal(row.item.closed_by, "ana");
}

/* What rings goes on; what was acknowledged, closed or less urgent rings again, under a ring that nobody heard. */
static void test_reopening(void **state)
{
    struct journal *journal = *state;
    struct alert_row alert = {.urgency = URGENCY_NOW, .reason = "raised-by-staff", .opened_ms = 50};
    struct ladder_row due;
    bool already;
    make_case(journal);
    memcpy(alert.id, CASE, sizeof CASE);
    assert_false(journal_reopen_alert(journal, &alert));
    journal_acknowledge(journal, CASE, "ana", 30, &already);
    assert_true(journal_reopen_alert(journal, &alert));
    journal_resume_ladder(journal, CASE, 0, 50);
    assert_int_equal(journal_due_ladder(journal, 50, &due, 1), 1);
    assert_int_equal(due.ring, 1);
    struct alert_row now;
    assert_true(journal_get_alert(journal, CASE, &now));
    assert_int_equal(now.acknowledged_ms, 0);
    assert_string_equal(now.reason, "raised-by-staff");
    assert_false(journal_reopen_alert(journal, &alert));
}

static void test_arrivals(void **state)
{
    struct journal *journal = *state;
    struct message_row row;
    int64_t id = make_case(journal);
    journal_place_message(journal, id, "Clinical/Urgent", 9, 3);
    assert_true(journal_is_placed(journal, "support", "Clinical/Urgent", 9, 3));
    assert_false(journal_is_placed(journal, "support", "Clinical/Today", 9, 3));
    journal_list_arrival(journal, "support", "Clinical/Urgent", 9, 3);
    assert_int_equal(journal_find_messages(journal, "support", MESSAGE_LISTED, 0, INT64_MAX, &row, 1), 0);
    journal_list_arrival(journal, "support", "Clinical/Urgent", 9, 4);
    journal_list_arrival(journal, "support", "Clinical/Urgent", 9, 4);
    assert_int_equal(journal_find_messages(journal, "support", MESSAGE_LISTED, 0, INT64_MAX, &row, 1), 1);
    assert_int_equal(row.uid, 4);
    journal_forget_message(journal, row.id);
    assert_int_equal(journal_find_messages(journal, "support", MESSAGE_LISTED, 0, INT64_MAX, &row, 1), 0);
}

static void test_raising(void **state)
{
    struct journal *journal = *state;
    struct case_row row;
    bool already;
    int64_t id = make_case(journal);
    journal_close_case(journal, CASE, "ana", 30, &already);
    journal_raise_message(journal, id, URGENCY_SOON, 99);
    journal_get_case(journal, CASE, &row);
    assert_int_equal(row.item.urgency, URGENCY_SOON);
    assert_int_equal(row.item.queue, QUEUE_CLINICAL);
    assert_int_equal(row.item.deadline_ms, 99);
    assert_int_equal(row.item.closed_ms, 0);
    journal_raise_message(journal, id, URGENCY_REVIEW, 200); /* never less than it was */
    journal_get_case(journal, CASE, &row);
    assert_int_equal(row.item.urgency, URGENCY_SOON);
    assert_int_equal(row.item.deadline_ms, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_closing_ends_the_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reopening, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arrivals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_raising, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_listing_is_taken_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_vanished_unread_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_decided_message_does_not_vanish_unread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_retries_wait_for_their_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_uidvalidity_change_finds_again_by_fingerprint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frozen_and_not_found_again_was_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_intent_survives_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_killed_process_keeps_its_commits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_ring_replaces_the_one_never_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_accepted_page_spares_the_next_channel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_unaccepted_page_starts_the_next_channel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_channel_that_hangs_does_not_hide_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_acknowledgement_stops_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_case_is_found_by_its_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk_frees_the_reserve_and_then_goes_to_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_is_refused_with_a_sentence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_newer_schema_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
