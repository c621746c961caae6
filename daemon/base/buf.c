/* Growing buffers under a maximum. Every role. */
#include <attune/buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t maximum)
{
    *buf = (struct buf){.maximum = maximum};
}

static enum err reserve(struct buf *buf, size_t more)
{
    if (buf->failed)
        return ERR_LIMIT;
    if (more > buf->maximum || buf->length > buf->maximum - more) {
        buf->failed = true;
        return ERR_LIMIT;
    }
    size_t need = buf->length + more + 1;
    if (need <= buf->capacity)
        return ERR_OK;
    size_t capacity = buf->capacity ? buf->capacity : 256;
    while (capacity < need)
        capacity *= 2;
    char *data = realloc(buf->data, capacity);
    if (!data) {
        buf->failed = true;
        return ERR_SYSTEM;
    }
    buf->data = data;
    buf->capacity = capacity;
    return ERR_OK;
}

enum err buf_add(struct buf *buf, const void *bytes, size_t length)
{
    enum err error = reserve(buf, length);
    if (error != ERR_OK)
        return error;
    if (length)
        memcpy(buf->data + buf->length, bytes, length);
    buf->length += length;
    buf->data[buf->length] = '\0';
    return ERR_OK;
}

enum err buf_add_text(struct buf *buf, const char *text)
{
    return buf_add(buf, text, strlen(text));
}

enum err buf_add_str(struct buf *buf, struct str text)
{
    return buf_add(buf, text.data, text.length);
}

enum err buf_add_char(struct buf *buf, char byte)
{
    return buf_add(buf, &byte, 1);
}

enum err buf_addf(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return ERR_SYSTEM;
    enum err error = reserve(buf, (size_t)length);
    if (error != ERR_OK)
        return error;
    va_start(arguments, format);
    vsnprintf(buf->data + buf->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buf->length += (size_t)length;
    return ERR_OK;
}

bool buf_failed(const struct buf *buf)
{
    return buf->failed;
}

struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->data, buf->length};
}

const char *buf_text(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

void buf_reset(struct buf *buf)
{
    buf->length = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

void buf_free(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->maximum);
}

void buf_wipe(struct buf *buf)
{
    if (buf->data)
        explicit_bzero(buf->data, buf->capacity);
    buf_free(buf);
}
