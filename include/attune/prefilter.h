/*
 * Which rules could match a text at all, from literals that each match must hold: one walk over the words instead of
 * one pattern a rule. A trie entered at each word's beginning (a phrase's literal always begins with a word), so no
 * automaton with failure links is needed; a second one, for the few literals of `regex`, is entered at each byte. Built as rules load; read-only while matching.
 */
#ifndef ATTUNE_PREFILTER_H
#define ATTUNE_PREFILTER_H

#include <attune/arena.h>
#include <attune/err.h>
#include <attune/words.h>

struct prefilter;

/* Where a rule could match: bytes of the stream, ends of typed sentences. to == 0: nowhere. */
struct prefilter_range {
    uint32_t from;
    uint32_t to;
};

/* Lives in `arena`. NULL when that is full. */
struct prefilter *prefilter_new(struct arena *arena);
/* The rule could match where `literal` begins a word. ERR_SYSTEM when the arena is full. */
enum err prefilter_add(struct prefilter *prefilter, struct str literal, uint32_t rule);
/* The rule could match where `literal` stands, inside a word too. ERR_SYSTEM when the arena is full. */
enum err prefilter_add_inner(struct prefilter *prefilter, struct str literal, uint32_t rule);
/* The rule could match anywhere. */
enum err prefilter_add_always(struct prefilter *prefilter, uint32_t rule);
/* Widens ranges[rule] to the sentences in which the rule could match. */
void prefilter_scan(const struct prefilter *prefilter, const struct words *words, struct prefilter_range *ranges);

#endif
