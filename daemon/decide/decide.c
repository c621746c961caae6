/*
 * The decision: what each hit is worth, what combinations add, what must be read by people because it could not be read
 * in full, and the route. Pure; run by keep on a child's verdict and by the command. It says how soon a message should
 * be read, never anything about a person.
 */
#include <attune/combine.h>
#include <attune/policy.h>
#include <string.h>

/* What the hits of one message come to. */
struct weighing {
    const struct pack *pack;
    const struct verdict *verdict;
    enum urgency urgency;
    enum urgency of_cue[PACK_MAX_CUES]; /* the most urgent hit of each cue */
};

/* Quoted text and signatures are somebody else's words or old ones: nothing, unless the writer hands them on. */
enum urgency decide_hit(const struct pack *pack, const struct verdict *verdict, const struct hit *hit)
{
    enum urgency urgency = pack_rule(pack, hit->rule)->urgency;
    bool own_words = hit->field == FIELD_SUBJECT || hit->field == FIELD_TEXT;
    if (!own_words && !verdict->is_forward && !verdict->points_at_quotation)
        return URGENCY_ROUTINE;
    /* A thread keeps its subject: what was answered already must not page again with every answer. */
    bool is_repeated = hit->field == FIELD_SUBJECT && verdict->repeats_subject;
    bool lowered = !own_words || is_repeated || hit->lowered != LOWERED_NOT;
    return lowered && urgency > URGENCY_REVIEW ? URGENCY_REVIEW : urgency;
}

static void raise_to(enum urgency *urgency, enum urgency least)
{
    if (least > *urgency)
        *urgency = least;
}

static void weigh_hits(struct weighing *weighing)
{
    for (size_t i = 0; i < weighing->verdict->hit_count; i++) {
        const struct hit *hit = &weighing->verdict->hits[i];
        enum urgency urgency = decide_hit(weighing->pack, weighing->verdict, hit);
        raise_to(&weighing->of_cue[pack_rule(weighing->pack, hit->rule)->cue], urgency);
        raise_to(&weighing->urgency, urgency);
    }
}

/* A combination raises the message and the cues that made it. */
static enum err weigh_combinations(struct weighing *weighing, struct arena *arena, struct decision *out)
{
    uint32_t *held = arena_array(arena, pack_combination_count(weighing->pack), sizeof *held);
    if (!held)
        return ERR_SYSTEM;
    enum err error = combine_find(weighing->pack, weighing->verdict, arena, held, &out->combination_count);
    out->combinations = held;
    for (size_t i = 0; error == ERR_OK && i < out->combination_count; i++) {
        const struct combination *combination = pack_combination(weighing->pack, held[i]);
        raise_to(&weighing->urgency, combination->urgency);
        for (size_t j = 0; j < combination->cue_count; j++)
            if (weighing->of_cue[combination->cues[j]] > URGENCY_ROUTINE)
                raise_to(&weighing->of_cue[combination->cues[j]], combination->urgency);
    }
    return error;
}

/* What nobody could read in full, a person reads; machines' mail stays where it is, marked. */
static bool wants_reader(const struct verdict *verdict)
{
    bool may_be_a_person =
        verdict->class == CLASS_HUMAN || verdict->class == CLASS_FORM_RELAY || verdict->class == CLASS_UNKNOWN;
    return verdict->reasons != 0 && may_be_a_person;
}

/* `adds` alone leaves a message routine. */
static enum urgency settle(enum urgency urgency)
{
    return urgency == URGENCY_ADDS ? URGENCY_ROUTINE : urgency;
}

static const struct route *choose_route(const struct weighing *weighing, const struct policy *policy,
                                        enum urgency urgency)
{
    bool cues[PACK_MAX_CUES];
    for (size_t i = 0; i < PACK_MAX_CUES; i++)
        cues[i] = weighing->of_cue[i] > URGENCY_ROUTINE && settle(weighing->of_cue[i]) == urgency;
    return policy_choose(policy, urgency, cues);
}

static bool is_listed(const char *const *cards, size_t count, const char *card)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(cards[i], card) == 0)
            return true;
    return false;
}

/* The cards of the hits that count, the most urgent first. */
static enum err list_cards(const struct weighing *weighing, struct arena *arena, struct decision *out)
{
    const struct verdict *verdict = weighing->verdict;
    const char **cards = arena_array(arena, verdict->hit_count, sizeof *cards);
    if (!cards)
        return ERR_SYSTEM;
    for (int urgency = URGENCY_NOW; urgency > URGENCY_ROUTINE; urgency--) {
        for (size_t i = 0; i < verdict->hit_count; i++) {
            const char *card = pack_rule(weighing->pack, verdict->hits[i].rule)->card;
            if (card && (int)decide_hit(weighing->pack, verdict, &verdict->hits[i]) == urgency &&
                !is_listed(cards, out->card_count, card))
                cards[out->card_count++] = card;
        }
    }
    out->cards = cards;
    return ERR_OK;
}

enum err decide(const struct pack *pack, const struct policy *policy, const struct verdict *verdict,
                struct arena *arena, struct decision *out)
{
    struct weighing weighing = {.pack = pack, .verdict = verdict};
    *out = (struct decision){.unscreened = verdict->reasons != 0};
    if (verdict->class != CLASS_OWN) {
        weigh_hits(&weighing);
        enum err error = weigh_combinations(&weighing, arena, out);
        if (error == ERR_OK)
            error = list_cards(&weighing, arena, out);
        if (error != ERR_OK)
            return error;
        if (wants_reader(verdict))
            raise_to(&weighing.urgency, URGENCY_REVIEW);
    }
    out->urgency = settle(weighing.urgency);
    out->route = choose_route(&weighing, policy, out->urgency);
    return ERR_OK;
}
