/* The words of a verdict's hits, for the operator's command. Written by a screen child, read by the command; both sides
 * treat them as mail: hostile. keep neither asks for them nor reads them. */
#include <attune/verdict.h>

/* As much of `text` as fits in `room` bytes and VERDICT_MAX_TEXT, whole characters only. */
static struct str cut_text(struct str text, size_t room)
{
    size_t limit = room < VERDICT_MAX_TEXT ? room : VERDICT_MAX_TEXT;
    size_t end = text.length < limit ? text.length : limit;
    while (end > 0 && end < text.length && ((unsigned char)text.data[end] & 0xC0) == 0x80)
        end--;
    return str_slice(text, 0, end);
}

void verdict_put_texts(struct ipc_writer *writer, const struct verdict *verdict, const struct reading *reading)
{
    size_t room = VERDICT_MAX_TEXTS;
    for (size_t i = 0; i < verdict->hit_count && i < VERDICT_MAX_HITS; i++) {
        const struct hit *hit = &verdict->hits[i];
        struct str text = cut_text(str_slice(reading->fields[hit->field], hit->start, hit->end), room);
        ipc_put_str(writer, text);
        room -= text.length;
    }
}

enum err verdict_get_texts(struct ipc_reader *reader, struct arena *arena, size_t hit_count, const struct str **out)
{
    struct str *texts = arena_array(arena, hit_count, sizeof *texts);
    if (!texts)
        return ERR_SYSTEM;
    for (size_t i = 0; i < hit_count; i++) {
        texts[i] = ipc_get_str(reader);
        if (texts[i].length > VERDICT_MAX_TEXT || !utf8_is_valid(texts[i]))
            return ERR_PEER;
    }
    *out = texts;
    return reader->failed ? ERR_PEER : ERR_OK;
}
