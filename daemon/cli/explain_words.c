/* The sentences of an explanation: plain words for what the tables of the rule set and the reading call by a name. They
 * tell what was found and how soon to read it, never what a person is. The command only. */
#include <attune/explain.h>
#include <attune/report.h>
#include <string.h>

const char explain_footnote[] =
    "This is an order of reading, made by rules that people wrote. It says nothing about the person, and a message "
    "without a mark is not a statement that all is well.";

struct named_sentence {
    const char *name;
    const char *sentence;
};

static const char *find_sentence(const struct named_sentence *rows, size_t count, const char *name)
{
    for (size_t i = 0; name && i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].sentence;
    return NULL;
}

static const char *const urgencies[] = {
    [URGENCY_ROUTINE] = "No rule asks for a clinician",
    [URGENCY_ADDS] = "Adds to other signs, and asks for nobody by itself",
    [URGENCY_REVIEW] = "To be read by a clinician in turn",
    [URGENCY_SOON] = "To be read by a clinician soon",
    [URGENCY_NOW] = "To be read now",
};

const char *explain_urgency_sentence(enum urgency urgency)
{
    return urgencies[urgency];
}

static const struct named_sentence reasons[] = {
    {"encrypted", "It is encrypted: only its recipient can read it."},
    {"unparsable", "Its form is broken: the raw text was read instead."},
    {"no-text", "It has no text: only pictures or attachments."},
    {"cut", "It is longer than the limit: the rest was not read."},
    {"too-deep", "It has more parts, or parts nested deeper, than the limit: some were not read."},
    {"headers-cut", "Its header is longer than the limit: the rest of the header was not read."},
    {"charset", "Some bytes are no letters in any charset that it could be in."},
    {"language", "It is in a language that no rules cover."},
    {"pattern-limit", "A rule gave up on it: its text takes too many steps to search."},
    {"screen-crash", "The process that read it ended before it was done."},
    {"screen-timeout", "Reading it took too long and was stopped."},
    {"server-withheld", "The mail server lists it and does not give it."},
    {"attachment-unread", "It says hardly anything beside an attachment that is not read."},
};

const char *explain_reason_sentence(const char *name)
{
    return find_sentence(reasons, sizeof reasons / sizeof reasons[0], name);
}

const char *explain_flag_sentence(const struct verdict *verdict, size_t index)
{
    const struct {
        bool is_so;
        const char *sentence;
    } flags[EXPLAIN_FLAGS] = {
        {verdict->is_forward, "It is a forward: what is quoted counts, as review at most."},
        {verdict->points_at_quotation, "Its words point at the quotation: what is quoted counts, as review at most."},
        {verdict->hidden_text, "It holds text that a mail program would not show; it was read all the same."},
        {verdict->automatic, "Its header says that it was sent automatically."},
    };
    return index < EXPLAIN_FLAGS && flags[index].is_so ? flags[index].sentence : NULL;
}

static const char *const classes[CLASS_COUNT] = {
    [CLASS_UNKNOWN] = "could not be told",
    [CLASS_HUMAN] = "written by a person",
    [CLASS_AUTO_REPLY] = "an automatic reply",
    [CLASS_BOUNCE] = "a delivery report",
    [CLASS_LIST] = "sent to a list",
    [CLASS_FORM_RELAY] = "sent by a web form for a person",
    [CLASS_OWN] = "Attune's own",
};

const char *explain_class_sentence(enum mail_class class)
{
    return classes[class];
}

static const char *const places[PLACE_COUNT] = {
    [PLACE_STAY] = "stays where it is",
    [PLACE_URGENT] = "Clinical/Urgent, or as the mailbox calls it",
    [PLACE_TODAY] = "Clinical/Today, or as the mailbox calls it",
    [PLACE_REVIEW] = "Clinical/Review, or as the mailbox calls it",
    [PLACE_SAFETY] = "Clinical/Safety, or as the mailbox calls it",
    [PLACE_AGENT] = "stays in the inbox, or goes where the mailbox keeps agents' mail",
};

const char *explain_place_sentence(enum place place)
{
    return places[place];
}

static const char *const targets[] = {
    [PAGE_NOBODY] = "nobody is rung",
    [PAGE_CLINICAL] = "the clinicians' ladder is rung",
    [PAGE_SAFETY] = "the safety contact's ladder is rung",
};

const char *explain_page_sentence(enum page_target target)
{
    return targets[target];
}

static const struct named_sentence hints[] = {
    {"handle", "Agents may handle it. Who is uneasy moves it to a clinical folder."},
    {"consult-clinical", "Agents ask a clinician before they answer. No probing, no counselling."},
    {"hand-over", "Agents hand it over and do not answer it. No probing, no counselling."},
};

const char *explain_hint_sentence(const char *hint)
{
    return find_sentence(hints, sizeof hints / sizeof hints[0], hint);
}

const char *explain_lowering_sentence(const struct explain *explain, const struct explain_group *group)
{
    const struct verdict *verdict = &explain->verdict;
    if (!group->lowered_by)
        return NULL;
    if (strcmp(group->lowered_by, lowering_name(LOWERED_UNLESS)) == 0)
        return "Words near it speak for a harmless meaning, so it counts for review at most.";
    bool handed_on = verdict->is_forward || verdict->points_at_quotation;
    bool quoted = strcmp(group->lowered_by, text_field_name(FIELD_QUOTED)) == 0;
    if (handed_on)
        return quoted ? "It stands in a quotation that the writer hands on, so it counts for review at most."
                      : "It stands in the signature, so it counts for review at most.";
    return quoted ? "It stands in quoted text, which the writer does not point at: shown, not counted."
                  : "It stands in the signature: shown, not counted.";
}

void explain_add_counts(struct buf *out, const struct explain_group *group)
{
    if (group->counts == URGENCY_ROUTINE)
        buf_add_text(out, "not counted");
    else
        buf_addf(out, "%s%s", group->lowered_by ? "counts as " : "", urgency_name(group->counts));
}

void explain_add_deadline(struct buf *out, uint32_t deadline_s)
{
    enum { MINUTE = 60, HOUR = 3600 };
    if (deadline_s == 0)
        buf_add_text(out, "in turn");
    else if (deadline_s % HOUR == 0)
        buf_addf(out, "within %u h", deadline_s / HOUR);
    else if (deadline_s % MINUTE == 0)
        buf_addf(out, "within %u min", deadline_s / MINUTE);
    else
        buf_addf(out, "within %u s", deadline_s);
}

/* Combinations see what nothing lowered, in the subject and the new text. */
static bool has_cue(const struct explain *explain, uint32_t cue)
{
    for (size_t i = 0; i < explain->group_count; i++)
        if (explain->groups[i].rule->cue == cue && !explain->groups[i].lowered_by)
            return true;
    return false;
}

void explain_add_combination(struct buf *out, const struct explain *explain, const struct combination *combination)
{
    const char *between = "";
    switch (combination->kind) {
    case COMBINE_ALL:
        buf_add_text(out, "all of these stand together: ");
        break;
    case COMBINE_ANY:
        buf_add_text(out, "one of its signs is there: ");
        break;
    case COMBINE_COUNT:
        buf_addf(out, "at least %u of its %zu signs stand apart from each other: ", combination->at_least,
                 combination->cue_count);
        break;
    }
    for (size_t i = 0; i < combination->cue_count; i++) {
        if (!has_cue(explain, combination->cues[i]))
            continue;
        buf_addf(out, "%s%s", between, pack_cue(explain->rules->pack, combination->cues[i])->title);
        between = "; ";
    }
}
