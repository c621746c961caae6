/* attune.yaml(5), written from the table that reads the file: what it says is what holds. Private to conf; `attuned
 * --manual` prints it. */
#include <attune/conf_table.h>

static const char head[] =
    ".TH ATTUNE.YAML 5 \"\" \"attune " ATTUNE_VERSION "\" \"Attune\"\n"
    ".SH NAME\nattune.yaml \\- settings of attuned\n"
    ".SH DESCRIPTION\n"
    "One file, by default\n.IR /etc/attune/attune.yaml ,\nholds the settings of\n.BR attuned (8).\n"
    "It is YAML without anchors, tags or repeated keys. An unknown key is an error that names the nearest known one,\n"
    "with its line.\n.B attuned \\-\\-check\nsays all that is wrong at once;\n.B attuned \\-\\-sample\n"
    "prints a commented file to begin with.\n"
    ".PP\nDurations are written 30s, 5m, 4h, 2d; sizes 512 KiB, 30 MiB; flags yes or no.\n"
    "Secrets never stand in this file: a key names a file that only its owner may read, or a systemd credential\n"
    "(LoadCredential= in the unit).\n"
    ".PP\nA reload (SIGHUP) reads the file anew. With a fault in it the settings before stay in force and\n"
    ".B attune status\nsays so.\n.I state_dir\nand\n.I run_dir\nchange only with a restart.\n"
    ".SH SETTINGS\nA list of maps is shown by\n.B []\nbehind its key.\n";

static const char tail[] = ".SH FILES\n.TP\n.I /etc/attune/attune.yaml\nThe settings.\n"
                           ".SH SEE ALSO\n.BR attuned (8),\n.BR attune (1),\n.BR attune\\-rules (5)\n";

/* Text as man(7) wants it: a backslash and a minus that stay themselves, and no line that begins like a request. */
static void put_text(struct buf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        buf_add_text(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            buf_add_text(out, "\\e");
        else if (*text == '-')
            buf_add_text(out, "\\-");
        else
            buf_add_char(out, *text);
    }
}

static const char *type_word(enum conf_type type)
{
    static const char *const words[] = {
        [CONF_TYPE_TEXT] = "text",
        [CONF_TYPE_PATH] = "path",
        [CONF_TYPE_NAME] = "name",
        [CONF_TYPE_HOST] = "host",
        [CONF_TYPE_FOLDER] = "folder",
        [CONF_TYPE_URL] = "URL",
        [CONF_TYPE_FLAG] = "yes or no",
        [CONF_TYPE_PORT] = "port",
        [CONF_TYPE_COUNT] = "number",
        [CONF_TYPE_DURATION] = "duration",
        [CONF_TYPE_SIZE] = "size",
        [CONF_TYPE_FOLDERS] = "list of folders",
        [CONF_TYPE_GROUP] = "map",
        [CONF_TYPE_LIST] = "list of maps",
        [CONF_TYPE_ARRAY] = "list of maps",
        [CONF_TYPE_ADDRESS] = "address",
        [CONF_TYPE_DOMAIN] = "domain",
        [CONF_TYPE_CLOCK] = "time of the day",
        [CONF_TYPE_DOMAINS] = "list of domains",
        [CONF_TYPE_DAYS] = "list of days",
    };
    const char *word = (size_t)type < sizeof words / sizeof words[0] ? words[type] : NULL;
    return word ? word : ""; /* a test refuses a page with an empty one */
}

static void put_type(struct buf *out, const struct conf_row *row)
{
    if (row->type != CONF_TYPE_CHOICE) {
        put_text(out, type_word(row->type));
        return;
    }
    for (size_t i = 0; row->words[i]; i++) {
        buf_add_text(out, i ? " | " : "");
        put_text(out, row->words[i]);
    }
}

/* Limits of numbers as the file would write them: durations in seconds, sizes in KiB. */
static void put_limit(struct buf *out, const struct conf_row *row, uint64_t limit)
{
    if (row->type == CONF_TYPE_DURATION)
        buf_addf(out, "%llus", (unsigned long long)limit);
    else if (row->type == CONF_TYPE_SIZE)
        buf_addf(out, "%llu KiB", (unsigned long long)limit / 1024);
    else
        buf_addf(out, "%llu", (unsigned long long)limit);
}

static void put_bounds(struct buf *out, const struct conf_row *row)
{
    switch (row->type) {
    case CONF_TYPE_PORT:
    case CONF_TYPE_COUNT:
    case CONF_TYPE_DURATION:
    case CONF_TYPE_SIZE:
        buf_add_text(out, "\nFrom ");
        put_limit(out, row, row->minimum);
        buf_add_text(out, " to ");
        put_limit(out, row, row->maximum);
        buf_add_char(out, '.');
        break;
    case CONF_TYPE_FOLDERS:
    case CONF_TYPE_DOMAINS:
    case CONF_TYPE_LIST:
    case CONF_TYPE_ARRAY:
        buf_addf(out, "\nAt most %llu.", (unsigned long long)row->maximum);
        break;
    default:
        break;
    }
}

/* A default that differs by installation has no place in a page; the help says what holds. */
static bool depends_on_prefix(const struct conf_row *row)
{
    return row->type == CONF_TYPE_PATH && row->asleep;
}

static void put_standard(struct buf *out, const struct conf_row *row)
{
    if (row->required) {
        buf_add_text(out, "\nRequired.");
    } else if (row->standard && !depends_on_prefix(row)) {
        buf_add_text(out, "\nDefault: ");
        put_text(out, row->standard);
        buf_add_char(out, '.');
    }
}

/* `path` is where the section stands: "", "control.", "mailboxes[].". */
static void put_section(struct buf *out, const struct conf_section *section, const char *path);

static void put_row(struct buf *out, const struct conf_row *row, const char *path)
{
    struct buf inner;
    buf_add_text(out, ".TP\n.B ");
    put_text(out, path);
    put_text(out, row->key);
    buf_add_text(out, row->type == CONF_TYPE_LIST || row->type == CONF_TYPE_ARRAY ? "[]" : "");
    buf_add_text(out, " \\fR(");
    put_type(out, row);
    buf_add_text(out, ")\n");
    put_text(out, row->help);
    put_standard(out, row);
    put_bounds(out, row);
    buf_add_char(out, '\n');
    if (!row->inner)
        return;
    buf_init(&inner, 256); /* keys are short, sections three deep */
    buf_addf(&inner, "%s%s%s.", path, row->key, row->type == CONF_TYPE_GROUP ? "" : "[]");
    put_section(out, row->inner, buf_text(&inner));
    buf_free(&inner);
}

static void put_section(struct buf *out, const struct conf_section *section, const char *path)
{
    for (size_t i = 0; i < section->count; i++)
        if (section->rows[i].type != CONF_TYPE_REFUSED)
            put_row(out, &section->rows[i], path);
}

void conf_print_manual(struct buf *out)
{
    buf_add_text(out, head);
    put_section(out, &conf_root, "");
    buf_add_text(out, tail);
}
