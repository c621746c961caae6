/* One message through reading and matching. A screen child runs it, and whoever wants to see what the rules see. */
#include <attune/clock.h>
#include <attune/screen.h>
#include <string.h>

/* Words enough to say that a text is of a language: fewer are a name, a greeting, a number. */
enum { LANGUAGE_WORDS = 8 };

/* A language that the reading knows and this rule set does not is as unread as one that nobody knows. */
static unsigned judge_language(const struct ruleset *ruleset, const struct reading *reading, const struct hits *hits)
{
    bool is_unheard =
        reading->language[0] && hits->words >= LANGUAGE_WORDS && !ruleset_has_language(ruleset, reading->language);
    return is_unheard ? (unsigned)REASON_LANGUAGE : 0u;
}

static void fill_verdict(const struct reading *reading, const struct hits *hits, struct verdict *out)
{
    *out = (struct verdict){
        .class = reading->class,
        .reasons = reading->reasons | hits->reasons | (hits->count > VERDICT_MAX_HITS ? REASON_CUT : 0u),
        .is_forward = reading->is_forward,
        .points_at_quotation = reading->points_at_quotation,
        .repeats_subject = reading->repeats_subject,
        .hidden_text = reading->hidden_text,
        .automatic = reading->automatic,
        .from_address = reading->from_address,
        .writer = reading->writer,
        .message_id = reading->message_id,
        .thread_ids = reading->thread_ids,
        .own_proof = reading->own_proof,
        .date_ms = reading->date_ms,
        .zone_minutes = reading->zone_minutes,
        .words = hits->words,
        .hits = hits->items,
        .hit_count = hits->count > VERDICT_MAX_HITS ? VERDICT_MAX_HITS : hits->count,
    };
    memcpy(out->language, reading->language, sizeof out->language);
}

enum err screen_message(struct ruleset *ruleset, struct arena *arena, struct str raw, enum screen_mode mode,
                        struct verdict *out, struct reading *reading_out)
{
    int64_t began_us = clock_cpu_us();
    struct reading own;
    struct reading *reading = reading_out ? reading_out : &own;
    struct hits hits;
    enum err error = reading_from_mail(arena, raw, mode, reading);
    if (error == ERR_OK)
        error = ruleset_match(ruleset, arena, reading, &hits);
    if (error != ERR_OK)
        return error;
    reading->reasons |= judge_language(ruleset, reading, &hits);
    fill_verdict(reading, &hits, out);
    out->cpu_us = (uint64_t)(clock_cpu_us() - began_us);
    return ERR_OK;
}
