/*
 * One line an event on standard error: lower case, key=value, with systemd's <level> prefix when journald reads it
 * (sd-daemon(3)). error: somebody must act; warn: degraded; info: state changed; debug: for developers.
 * Text from mail has no log format: values are numbers, our own literals, ids, hashes and configured names. Strings are
 * cut at 96 bytes and any byte outside [A-Za-z0-9._/@:+-] becomes '?', so that nothing can forge a line or carry prose.
 */
#ifndef ATTUNE_LOG_H
#define ATTUNE_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_kind { LOG_KIND_END, LOG_KIND_NAME, LOG_KIND_NUMBER, LOG_KIND_HEX };
struct log_field {
    enum log_kind kind;
    const char *key; /* a literal */
    const char *name;
    int64_t number;
    const unsigned char *bytes;
    uint32_t length;
};

/* A configured name or literal word. Never text of a message. NULL is written as "-". */
#define LOG_NAME(key, value) ((struct log_field){LOG_KIND_NAME, (key), (value), 0, 0, 0})
#define LOG_NUMBER(key, value) ((struct log_field){LOG_KIND_NUMBER, (key), 0, (int64_t)(value), 0, 0})
#define LOG_HEX(key, value, size) ((struct log_field){LOG_KIND_HEX, (key), 0, 0, (value), (size)})

/* The process's role, prefixed to each line ("keep", "fetch:support"). Kept by copy, 63 bytes. */
void log_set_role(const char *role);
void log_set_level(enum log_level level);

void log_write(enum log_level level, const char *event, const struct log_field *fields);
#define log_error(event, ...) log_write(LOG_LEVEL_ERROR, (event), (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_warn(event, ...) log_write(LOG_LEVEL_WARN, (event), (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_info(event, ...) log_write(LOG_LEVEL_INFO, (event), (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_debug(event, ...) log_write(LOG_LEVEL_DEBUG, (event), (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})

#endif
