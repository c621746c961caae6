/*
 * The journal's file: opening, the one transaction, the reserve, and going on in memory when the disk takes nothing
 * more. Run by keep alone; trusts its own file after SQLite checked it.
 */
#include <attune/clock.h>
#include <attune/journal_sql.h>
#include <attune/log.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* --- statements --------------------------------------------------------------------------------------------------- */

static sqlite3_stmt *find_statement(struct journal *journal, const char *sql)
{
    for (size_t i = 0; i < journal->statement_count; i++)
        if (journal->statements[i].sql == sql)
            return journal->statements[i].prepared;
    if (journal->statement_count == JOURNAL_MAX_STATEMENTS)
        bug("more journal statements than the table holds");
    sqlite3_stmt *prepared = NULL;
    if (sqlite3_prepare_v3(journal->database, sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, NULL) != SQLITE_OK)
        return NULL;
    journal->statements[journal->statement_count++] = (struct journal_statement){sql, prepared};
    return prepared;
}

static void forget_statements(struct journal *journal)
{
    for (size_t i = 0; i < journal->statement_count; i++)
        sqlite3_finalize(journal->statements[i].prepared);
    journal->statement_count = 0;
}

static void bind(sqlite3_stmt *statement, const char *format, va_list arguments)
{
    for (int i = 1; *format; format++, i++) {
        if (*format == 'i') {
            sqlite3_bind_int64(statement, i, va_arg(arguments, int64_t));
        } else if (*format == 't') {
            sqlite3_bind_text(statement, i, va_arg(arguments, const char *), -1, SQLITE_TRANSIENT);
        } else {
            const unsigned char *hash = va_arg(arguments, const unsigned char *);
            if (hash)
                sqlite3_bind_blob(statement, i, hash, HASH_SIZE, SQLITE_TRANSIENT);
            else
                sqlite3_bind_null(statement, i);
        }
    }
}

static void note_failure(struct journal *journal, const char *event)
{
    int code = sqlite3_extended_errcode(journal->database);
    log_error(event, LOG_NUMBER("sqlite", code), LOG_NUMBER("errno", sqlite3_system_errno(journal->database)));
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
        journal->damaged = true;
}

static bool begin(struct journal *journal)
{
    if (journal->open_transaction)
        return !journal->failed;
    journal->open_transaction = true;
    journal->failed = sqlite3_exec(journal->database, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK;
    if (journal->failed)
        note_failure(journal, "journal-begin-failed");
    return !journal->failed;
}

void journal_run(struct journal *journal, const char *sql, const char *format, ...)
{
    if (!begin(journal))
        return;
    sqlite3_stmt *statement = find_statement(journal, sql);
    int result = SQLITE_ERROR;
    if (statement) {
        va_list arguments;
        va_start(arguments, format);
        bind(statement, format, arguments);
        va_end(arguments);
        result = sqlite3_step(statement);
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
    }
    if (result != SQLITE_DONE && result != SQLITE_ROW) {
        note_failure(journal, "journal-write-failed");
        journal->failed = true;
    }
}

sqlite3_stmt *journal_query(struct journal *journal, const char *sql, const char *format, ...)
{
    sqlite3_stmt *statement = find_statement(journal, sql);
    if (!statement) {
        note_failure(journal, "journal-read-failed");
        return NULL;
    }
    va_list arguments;
    va_start(arguments, format);
    bind(statement, format, arguments);
    va_end(arguments);
    return statement;
}

bool journal_next(struct journal *journal, sqlite3_stmt *statement)
{
    if (!statement)
        return false;
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        note_failure(journal, "journal-read-failed");
    return result == SQLITE_ROW;
}

void journal_done(sqlite3_stmt *statement)
{
    if (!statement)
        return;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

int64_t journal_number(struct journal *journal, int64_t otherwise, const char *sql, const char *format, ...)
{
    sqlite3_stmt *statement = find_statement(journal, sql);
    if (!statement) {
        note_failure(journal, "journal-read-failed");
        return otherwise;
    }
    va_list arguments;
    va_start(arguments, format);
    bind(statement, format, arguments);
    va_end(arguments);
    int64_t value = otherwise;
    if (journal_next(journal, statement) && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        value = sqlite3_column_int64(statement, 0);
    journal_done(statement);
    return value;
}

size_t journal_changes(struct journal *journal)
{
    return journal->failed ? 0 : (size_t)sqlite3_changes(journal->database);
}

void journal_copy_text(char *out, size_t size, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    snprintf(out, size, "%s", text ? (const char *)text : "");
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static bool run_script(sqlite3 *database, const char *script)
{
    return sqlite3_exec(database, script, NULL, NULL, NULL) == SQLITE_OK;
}

/* SQLite's locks and WAL need a local file system; the numbers are those of statfs(2). */
static bool is_network_file_system(const char *directory)
{
    static const unsigned long magics[] = {0x6969 /* NFS */,       0xff534d42 /* CIFS */,
                                           0xfe534d42 /* SMB2 */,  0x65735546 /* FUSE */,
                                           0x00c36400 /* Ceph */,  0x01021997 /* 9p */,
                                           0x5346414f /* AFS */,   0x73757245 /* Coda */,
                                           0x7461636f /* OCFS2 */, 0x0bd00bd0 /* Lustre */};
    struct statfs where;
    if (statfs(directory, &where) < 0)
        return false;
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if ((unsigned long)where.f_type == magics[i])
            return true;
    return false;
}

static void journal_path(const struct journal *journal, const char *name, char out[4096])
{
    snprintf(out, 4096, "%s/%s", journal->directory, name);
}

static bool make_reserve(struct journal *journal)
{
    char path[4096];
    journal_path(journal, "reserve", path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool made = posix_fallocate(fd, 0, JOURNAL_RESERVE) == 0;
    close(fd);
    if (!made)
        unlink(path);
    return made;
}

static void free_reserve(struct journal *journal)
{
    char path[4096];
    journal_path(journal, "reserve", path);
    journal->reserved = false;
    if (unlink(path) == 0)
        log_warn("journal-reserve-freed");
}

static sqlite3 *open_database(const char *path)
{
    sqlite3 *database = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    if (sqlite3_open_v2(path, &database, flags, NULL) != SQLITE_OK) {
        sqlite3_close(database);
        return NULL;
    }
    sqlite3_extended_result_codes(database, 1);
    /* Readers (the command, backups) hold locks for moments only. */
    sqlite3_busy_timeout(database, 5000);
    return database;
}

static enum err check_database(struct journal *journal, const char *path, struct diag *diag)
{
    sqlite3 *database = journal->database;
    if (!run_script(database,
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;"
                    "PRAGMA cache_size=-4096; PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=8388608;")) {
        diag_add(diag, DIAG_ERROR, "", path, 0, 0, "journal", "SQLite cannot use this file: %s",
                 sqlite3_errmsg(database));
        return ERR_INPUT;
    }
    int64_t version = journal_number(journal, -1, "PRAGMA user_version", "");
    if (version == 0 && journal_number(journal, -1, "SELECT count(*) FROM sqlite_schema", "") == 0) {
        char finish[64];
        snprintf(finish, sizeof finish, "PRAGMA user_version=%d; COMMIT", JOURNAL_SCHEMA);
        if (!run_script(database, "BEGIN IMMEDIATE") || !run_script(database, journal_schema) ||
            !run_script(database, finish)) {
            diag_add(diag, DIAG_ERROR, "", path, 0, 0, "journal", "the tables cannot be made: %s",
                     sqlite3_errmsg(database));
            return ERR_SYSTEM;
        }
        return ERR_OK;
    }
    if (version != JOURNAL_SCHEMA) {
        diag_add(diag, DIAG_ERROR, "", path, 0, 0, "journal",
                 "this file has schema %lld, and this version of Attune knows %d; use the version that wrote it",
                 (long long)version, JOURNAL_SCHEMA);
        return ERR_INPUT;
    }
    sqlite3_stmt *check = journal_query(journal, "PRAGMA quick_check(1)", "");
    char answer[64] = "";
    if (journal_next(journal, check))
        journal_copy_text(answer, sizeof answer, check, 0);
    journal_done(check);
    if (strcmp(answer, "ok") != 0) {
        diag_add(diag, DIAG_ERROR, "", path, 0, 0, "journal",
                 "the file is damaged; restore it from a backup, or move it away to start afresh (every mail is then "
                 "read again)");
        return ERR_INPUT;
    }
    return ERR_OK;
}

enum err journal_open(const char *directory, struct journal **out, struct diag *diag)
{
    *out = NULL;
    if (is_network_file_system(directory)) {
        diag_add(diag, DIAG_ERROR, "", directory, 0, 0, "state_dir",
                 "this is a network file system, where SQLite's locks do not hold; choose a local directory");
        return ERR_INPUT;
    }
    struct journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return ERR_SYSTEM;
    snprintf(journal->directory, sizeof journal->directory, "%s", directory);
    char path[4096];
    journal_path(journal, "journal.db", path);
    journal->database = open_database(path);
    enum err error = ERR_SYSTEM;
    if (!journal->database)
        diag_add(diag, DIAG_ERROR, "", path, 0, 0, "journal", "cannot be opened: %s", strerror(errno));
    else
        error = check_database(journal, path, diag);
    if (error != ERR_OK) {
        journal_close(&journal);
        return error;
    }
    chmod(path, 0600);
    journal->reserved = make_reserve(journal);
    if (!journal->reserved)
        log_warn("journal-reserve-missing", LOG_NUMBER("errno", errno));
    *out = journal;
    return ERR_OK;
}

enum err journal_open_reader(const char *directory, struct journal **out)
{
    char path[4096];
    *out = NULL;
    struct journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return ERR_SYSTEM;
    snprintf(journal->directory, sizeof journal->directory, "%s", directory);
    journal_path(journal, "journal.db", path);
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    bool opened = sqlite3_open_v2(path, &journal->database, flags, NULL) == SQLITE_OK;
    if (!opened || journal_number(journal, -1, "PRAGMA user_version", "") != JOURNAL_SCHEMA) {
        journal_close(&journal);
        return ERR_ABSENT;
    }
    *out = journal;
    return ERR_OK;
}

void journal_close(struct journal **journal)
{
    if (!*journal)
        return;
    forget_statements(*journal);
    sqlite3_close((*journal)->database);
    free(*journal);
    *journal = NULL;
}

/* --- the transaction, and what happens when the disk refuses --------------------------------------------------------
 */

/* A database in memory with all that could be read from the old one. */
static sqlite3 *copy_to_memory(sqlite3 *from)
{
    sqlite3 *memory = NULL;
    if (sqlite3_open_v2(":memory:", &memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return NULL;
    sqlite3_backup *backup = sqlite3_backup_init(memory, "main", from, "main");
    bool copied = backup && sqlite3_backup_step(backup, -1) == SQLITE_DONE;
    if (backup)
        sqlite3_backup_finish(backup);
    if (copied)
        return memory;
    /* Unreadable: an empty journal still keeps pages; every mail is then listed and read again. */
    sqlite3_close(memory);
    memory = NULL;
    if (sqlite3_open_v2(":memory:", &memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        !run_script(memory, journal_schema)) {
        sqlite3_close(memory);
        return NULL;
    }
    return memory;
}

static void go_to_memory(struct journal *journal)
{
    sqlite3 *memory = copy_to_memory(journal->database);
    if (!memory)
        return;
    sqlite3_extended_result_codes(memory, 1);
    forget_statements(journal);
    sqlite3_close(journal->database);
    journal->database = memory;
    journal->memory = true;
    log_error("journal-in-memory", LOG_NAME("effect", "pages-go-on-nothing-moves"));
}

enum err journal_commit(struct journal *journal)
{
    if (!journal->open_transaction)
        return ERR_OK;
    bool good = !journal->failed;
    if (good && !run_script(journal->database, "COMMIT")) {
        note_failure(journal, "journal-commit-failed");
        good = false;
    }
    journal->open_transaction = false;
    journal->failed = false;
    if (good)
        return ERR_OK;
    if (!sqlite3_get_autocommit(journal->database))
        run_script(journal->database, "ROLLBACK");
    if (journal->reserved && !journal->damaged)
        free_reserve(journal);
    else if (!journal->memory)
        go_to_memory(journal);
    return ERR_SYSTEM;
}

bool journal_has_changes(const struct journal *journal)
{
    return journal->open_transaction;
}

bool journal_is_volatile(const struct journal *journal)
{
    return journal->memory;
}

bool journal_is_short_of_space(const struct journal *journal)
{
    return !journal->reserved;
}

/* Rows that memory has and the disk has not, or has otherwise. Rows are never deleted but a step's timer, whose end the
 * alert's acknowledgement shows as well. */
static bool merge_to_disk(struct journal *journal)
{
    static const char merge[] =
        "BEGIN IMMEDIATE;"
        "INSERT OR REPLACE INTO disk.meta SELECT * FROM main.meta EXCEPT SELECT * FROM disk.meta;"
        "INSERT OR REPLACE INTO disk.folder SELECT * FROM main.folder EXCEPT SELECT * FROM disk.folder;"
        "INSERT OR REPLACE INTO disk.message SELECT * FROM main.message EXCEPT SELECT * FROM disk.message;"
        "INSERT OR REPLACE INTO disk.cue SELECT * FROM main.cue EXCEPT SELECT * FROM disk.cue;"
        "INSERT OR REPLACE INTO disk.alert SELECT * FROM main.alert EXCEPT SELECT * FROM disk.alert;"
        "DELETE FROM disk.ladder;"
        "INSERT INTO disk.ladder SELECT * FROM main.ladder;"
        "INSERT OR REPLACE INTO disk.outbox SELECT * FROM main.outbox EXCEPT SELECT * FROM disk.outbox;"
        "INSERT OR REPLACE INTO disk.audit SELECT * FROM main.audit EXCEPT SELECT * FROM disk.audit;"
        "COMMIT";
    char path[4096], attach[8300];
    journal_path(journal, "journal.db", path);
    sqlite3_snprintf(sizeof attach, attach, "ATTACH %Q AS disk; PRAGMA disk.synchronous=FULL", path);
    if (!run_script(journal->database, attach))
        return false;
    bool merged = run_script(journal->database, merge);
    if (!merged && !sqlite3_get_autocommit(journal->database))
        run_script(journal->database, "ROLLBACK");
    run_script(journal->database, "DETACH disk");
    return merged;
}

static bool return_to_disk(struct journal *journal)
{
    char path[4096];
    forget_statements(journal); /* an unfinished statement would keep the disk's file attached */
    if (!merge_to_disk(journal))
        return false;
    journal_path(journal, "journal.db", path);
    sqlite3 *disk = open_database(path);
    if (!disk || !run_script(disk, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF")) {
        sqlite3_close(disk);
        return false;
    }
    sqlite3_close(journal->database);
    journal->database = disk;
    journal->memory = false;
    log_info("journal-on-disk-again");
    return true;
}

bool journal_try_disk(struct journal *journal)
{
    if (journal->open_transaction || journal->damaged)
        return false;
    if (journal->memory && !return_to_disk(journal))
        return false;
    if (!journal->reserved)
        journal->reserved = make_reserve(journal);
    return journal->reserved;
}

/* --- meta --------------------------------------------------------------------------------------------------------- */

void journal_get_meta(struct journal *journal, const char *key, char *out, size_t size)
{
    out[0] = '\0';
    sqlite3_stmt *row = journal_query(journal, "SELECT value FROM meta WHERE key = ?", "t", key);
    if (journal_next(journal, row))
        journal_copy_text(out, size, row, 0);
    journal_done(row);
}

void journal_set_meta(struct journal *journal, const char *key, const char *value)
{
    journal_run(journal, "INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)", "tt", key, value);
}

void journal_audit(struct journal *journal, const char *actor, const char *what, const char *subject,
                   const char *detail)
{
    journal_run(journal, "INSERT INTO audit(at, actor, what, subject, detail) VALUES(?, ?, ?, ?, ?)", "itttt",
                clock_wall_ms(), actor, what, subject, detail);
}
