/* The structure of a mail: parts lie inside the mail and inside each other, and the limits hold. */
#include <attune/prescan.h>
#include <attune/reading.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct str part, struct str whole)
{
    return part.length == 0 || (part.data >= whole.data && part.data + part.length <= whole.data + whole.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str raw = {(const char *)data, size};
    struct arena *arena = arena_new(READING_ARENA);
    struct prescan mail;
    if (arena && prescan_mail(arena, raw, &mail) == ERR_OK) {
        if (mail.count == 0 || mail.count > READING_MAX_PARTS)
            abort();
        for (uint32_t i = 0; i < mail.count; i++) {
            const struct part *part = &mail.parts[i];
            bool is_placed = part->after > i && part->after <= mail.count && part->depth <= READING_MAX_DEPTH;
            if (!is_placed || !is_inside(part->body, raw) || !is_inside(part->preamble, raw) ||
                !is_inside(part->epilogue, raw) || part->field_count > PRESCAN_MAX_FIELDS)
                abort();
        }
    }
    arena_free(&arena);
    return 0;
}
