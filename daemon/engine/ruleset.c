/*
 * Compiles a rule set: phrases to patterns with JIT, literals to the prefilter. Runs in screen's zygote and in the
 * command before the sandbox closes; its input is the operator's.
 */
#include <attune/ruleset_compiled.h>
#include <stdlib.h>
#include <string.h>

struct compiler {
    struct ruleset *ruleset;
    struct arena *scratch; /* reset after each rule */
    struct diag *diag;
    const struct rule *rule;
    const struct rule_source *source;
    enum err error; /* ERR_SYSTEM ends the compilation; findings do not */
};

static const struct lexicon *find_in(const struct lexicons *lexicons, struct str name)
{
    for (size_t i = 0; i < lexicons->count; i++)
        if (str_equal_text(name, lexicons->items[i].name))
            return &lexicons->items[i];
    return NULL;
}

/* The entries of a lexicon as phrases want them. */
static bool find_lexicon(const void *context, struct str name, struct phrase_entries *out)
{
    const struct compiler *compiler = context;
    const struct lexicon *lexicon = find_in(compiler->source->local, name);
    if (!lexicon)
        lexicon = find_in(&compiler->source->language->lexicons, name);
    if (!lexicon)
        return false;
    struct str *items = arena_array(compiler->scratch, lexicon->entries.count, sizeof *items);
    for (size_t i = 0; items && i < lexicon->entries.count; i++)
        items[i] = lexicon->entries.items[i].text;
    *out = (struct phrase_entries){items, items ? lexicon->entries.count : 0};
    return true;
}

static const char *nearest_lexicon(const void *context, const char *wrong)
{
    enum { NAMES = 128 };
    const struct compiler *compiler = context;
    const struct lexicons *both[] = {compiler->source->local, &compiler->source->language->lexicons};
    const char *names[NAMES];
    size_t count = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < both[i]->count && count < NAMES; j++)
            names[count++] = both[i]->items[j].name;
    return str_nearest(wrong, names, count);
}

static void report(struct compiler *compiler, const struct source_text *text, const char *code, const char *message)
{
    diag_add(compiler->diag, DIAG_ERROR, code, compiler->source->file, text->line, text->column, compiler->rule->id,
             "%s", message);
}

static const struct phrase_node *parse(struct compiler *compiler, const struct source_text *text)
{
    struct phrase_scope scope = {compiler->source->language->contractions, find_lexicon, nearest_lexicon, compiler};
    struct phrase_node *phrase = NULL;
    char fault[256];
    enum err error = phrase_parse(compiler->ruleset->arena, text->text, &scope, &phrase, fault);
    if (error == ERR_OK)
        return phrase;
    if (error == ERR_SYSTEM)
        compiler->error = ERR_SYSTEM;
    else
        report(compiler, text, "P001", fault);
    return NULL;
}

/* `text` is where a fault is reported: the first phrase of the pattern. */
static pcre2_code *compile_pattern(struct compiler *compiler, struct str pattern, const struct source_text *text)
{
    const uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_ANCHORED;
    int fault;
    PCRE2_SIZE at;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.length, options, &fault, &at,
                                     compiler->ruleset->compile_context);
    if (!code) {
        report(compiler, text, "P002", "these phrases are too long together: make two rules of them");
        return NULL;
    }
    size_t size = 0;
    if (pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0 && pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &size) == 0 &&
        size > 0)
        return code;
    report(compiler, text, "P003", "this pattern cannot be compiled to machine code here, so it would not be bounded");
    pcre2_code_free(code);
    return NULL;
}

/* The words behind which a phrase may end are whole ones. */
static const char pattern_end[] = ")(?=[ \\n])";

static void compile_unless(struct compiler *compiler, const struct source_text *text, struct pattern *out)
{
    const struct phrase_node *phrase = parse(compiler, text);
    struct buf pattern;
    if (!phrase)
        return;
    phrase_add_starts(phrase, &out->starts);
    out->ways = phrase_count_ways(phrase);
    buf_init(&pattern, PHRASE_MAX_PATTERN);
    buf_add_text(&pattern, "(?:");
    phrase_write_pattern(phrase, &pattern);
    buf_add_text(&pattern, pattern_end);
    if (buf_failed(&pattern))
        report(compiler, text, "P002", "this phrase is too long with its lexicons");
    else
        out->code = compile_pattern(compiler, buf_str(&pattern), text);
    buf_free(&pattern);
}

static void add_literals(struct compiler *compiler, uint32_t index, const struct phrase_node *phrase)
{
    struct prefilter *prefilter = compiler->ruleset->streams[compiler->ruleset->rules[index].stream].prefilter;
    struct phrase_literals literals;
    compiler->error = phrase_find_literals(compiler->scratch, phrase, &literals);
    if (compiler->error == ERR_OK && literals.count == 0)
        compiler->error = prefilter_add_always(prefilter, index);
    for (size_t i = 0; compiler->error == ERR_OK && i < literals.count; i++)
        compiler->error = prefilter_add(prefilter, literals.items[i], index);
}

static bool write_say(struct compiler *compiler, uint32_t index, struct buf *pattern)
{
    struct compiled_rule *compiled = &compiler->ruleset->rules[index];
    const struct source_texts *say = &compiler->source->say;
    bool right = true;
    buf_add_text(pattern, "(?:");
    for (size_t i = 0; i < say->count && compiler->error == ERR_OK; i++) {
        const struct phrase_node *phrase = parse(compiler, &say->items[i]);
        compiled->phrases[i] = phrase;
        right = right && phrase;
        if (!phrase)
            continue;
        if (i > 0)
            buf_add_text(pattern, "|");
        phrase_write_pattern(phrase, pattern);
        phrase_add_starts(phrase, &compiled->say.starts);
        compiled->say.ways += phrase_count_ways(phrase);
        add_literals(compiler, index, phrase);
    }
    buf_add_text(pattern, pattern_end);
    if (right && buf_failed(pattern))
        report(compiler, &say->items[0], "P002", "the phrases of `say` are too long together: make two rules of them");
    return right && !buf_failed(pattern) && compiler->error == ERR_OK;
}

static void compile_say(struct compiler *compiler, uint32_t index)
{
    struct compiled_rule *compiled = &compiler->ruleset->rules[index];
    const struct source_texts *say = &compiler->source->say;
    compiled->phrases = arena_array(compiler->ruleset->arena, say->count, sizeof *compiled->phrases);
    compiled->phrase_count = say->count;
    if (!compiled->phrases) {
        compiler->error = ERR_SYSTEM;
        return;
    }
    struct buf pattern;
    buf_init(&pattern, PHRASE_MAX_PATTERN);
    if (write_say(compiler, index, &pattern))
        compiled->say.code = compile_pattern(compiler, buf_str(&pattern), &say->items[0]);
    buf_free(&pattern);
}

static void add_regex_literals(struct compiler *compiler, uint32_t index, const struct regex_literals *literals)
{
    struct prefilter *prefilter = compiler->ruleset->streams[compiler->ruleset->rules[index].stream].prefilter;
    for (size_t i = 0; compiler->error == ERR_OK && i < literals->count; i++)
        compiler->error = prefilter_add_inner(prefilter, literals->items[i], index);
}

static void compile_regexes(struct compiler *compiler, uint32_t index)
{
    struct compiled_rule *compiled = &compiler->ruleset->rules[index];
    const struct source_texts *texts = &compiler->source->regex;
    compiled->regexes = arena_array(compiler->ruleset->arena, texts->count, sizeof *compiled->regexes);
    if (!compiled->regexes) {
        compiler->error = ERR_SYSTEM;
        return;
    }
    compiled->regex_count = texts->count;
    for (size_t i = 0; i < texts->count && compiler->error == ERR_OK; i++) {
        struct regex *regex = &compiled->regexes[i];
        struct regex_fault fault;
        enum err error = regex_compile(texts->items[i].text, compiler->ruleset->compile_context, regex, &fault);
        if (error == ERR_OK)
            add_regex_literals(compiler, index, &regex->literals);
        else if (error == ERR_INPUT)
            report(compiler, &texts->items[i], fault.code, fault.message);
        else
            compiler->error = error;
    }
}

static void compile_rule(struct compiler *compiler, uint32_t index)
{
    struct compiled_rule *compiled = &compiler->ruleset->rules[index];
    const struct source_texts *unless = &compiler->source->unless;
    compiled->urgency = compiler->rule->urgency;
    if (compiler->source->say.count > 0)
        compile_say(compiler, index);
    if (compiler->source->regex.count > 0)
        compile_regexes(compiler, index);
    compiled->unless = arena_array(compiler->ruleset->arena, unless->count, sizeof *compiled->unless);
    if (!compiled->unless) {
        compiler->error = ERR_SYSTEM;
        return;
    }
    compiled->unless_count = unless->count;
    for (size_t i = 0; i < unless->count && compiler->error == ERR_OK; i++)
        compile_unless(compiler, &unless->items[i], &compiled->unless[i]);
}

/* The stream that a language sees; made on first use. */
static size_t find_stream(struct ruleset *ruleset, const struct language *language)
{
    for (size_t i = 0; i < ruleset->stream_count; i++)
        if (ruleset->streams[i].contractions == language->contractions)
            return i;
    ruleset->streams[ruleset->stream_count].contractions = language->contractions;
    return ruleset->stream_count++;
}

static enum err make_streams(struct ruleset *ruleset)
{
    ruleset->streams = arena_array(ruleset->arena, pack_language_count(ruleset->pack) + 1, sizeof *ruleset->streams);
    if (!ruleset->streams)
        return ERR_SYSTEM;
    ruleset->stream_count = 1;
    for (size_t i = 0; i < ruleset->rule_count; i++) {
        size_t stream = find_stream(ruleset, pack_rule_source(ruleset->pack, i)->language);
        ruleset->rules[i].stream = stream;
        ruleset->streams[stream].used = true;
    }
    for (size_t i = 0; i < ruleset->stream_count; i++) {
        ruleset->streams[i].prefilter = prefilter_new(ruleset->arena);
        if (!ruleset->streams[i].prefilter)
            return ERR_SYSTEM;
    }
    return ERR_OK;
}

/* The most urgent rules first, so that a limit on hits drops the least urgent; then the order of the files. */
static enum err make_order(struct ruleset *ruleset)
{
    ruleset->order = arena_array(ruleset->arena, ruleset->rule_count, sizeof *ruleset->order);
    if (!ruleset->order)
        return ERR_SYSTEM;
    size_t count = 0;
    for (int urgency = URGENCY_NOW; urgency >= URGENCY_ROUTINE; urgency--)
        for (size_t i = 0; i < ruleset->rule_count; i++)
            if ((int)pack_rule(ruleset->pack, i)->urgency == urgency)
                ruleset->order[count++] = (uint32_t)i;
    return ERR_OK;
}

static pcre2_match_context *make_match_context(pcre2_jit_stack *stack)
{
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    if (!context)
        return NULL;
    pcre2_set_match_limit(context, RULESET_MATCH_LIMIT);
    pcre2_set_depth_limit(context, RULESET_DEPTH_LIMIT);
    pcre2_set_heap_limit(context, RULESET_HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(context, NULL, stack);
    return context;
}

static enum err make_contexts(struct ruleset *ruleset)
{
    ruleset->compile_context = pcre2_compile_context_create(NULL);
    ruleset->match_data = pcre2_match_data_create(1, NULL);
    ruleset->jit_stack = pcre2_jit_stack_create(32 * 1024, RULESET_JIT_STACK, NULL);
    ruleset->match_context = make_match_context(ruleset->jit_stack);
    ruleset->regex_context = make_match_context(ruleset->jit_stack);
    if (!ruleset->compile_context || !ruleset->match_data || !ruleset->jit_stack || !ruleset->match_context ||
        !ruleset->regex_context)
        return ERR_SYSTEM;
    return ERR_OK;
}

static enum err compile_rules(struct ruleset *ruleset, struct diag *diag)
{
    struct compiler compiler = {.ruleset = ruleset, .diag = diag, .scratch = arena_new(RULESET_ARENA)};
    size_t before = diag->errors;
    if (!compiler.scratch)
        return ERR_SYSTEM;
    for (size_t i = 0; i < ruleset->rule_count && compiler.error == ERR_OK; i++) {
        compiler.rule = pack_rule(ruleset->pack, i);
        compiler.source = pack_rule_source(ruleset->pack, i);
        compile_rule(&compiler, (uint32_t)i);
        arena_reset(compiler.scratch);
    }
    arena_free(&compiler.scratch);
    if (compiler.error != ERR_OK)
        return compiler.error;
    return diag->errors > before ? ERR_INPUT : ERR_OK;
}

static enum err build(struct ruleset *ruleset, struct diag *diag)
{
    ruleset->rules = arena_array(ruleset->arena, ruleset->rule_count, sizeof *ruleset->rules);
    if (!ruleset->rules)
        return ERR_SYSTEM;
    enum err error = make_contexts(ruleset);
    if (error == ERR_OK)
        error = make_streams(ruleset);
    if (error == ERR_OK)
        error = make_order(ruleset);
    return error == ERR_OK ? compile_rules(ruleset, diag) : error;
}

enum err ruleset_compile(const struct pack *pack, struct ruleset **out, struct diag *diag)
{
    *out = NULL;
    struct ruleset *ruleset = calloc(1, sizeof *ruleset);
    if (!ruleset)
        return ERR_SYSTEM;
    ruleset->pack = pack;
    ruleset->rule_count = pack_rule_count(pack);
    ruleset->arena = arena_new(RULESET_ARENA);
    enum err error = ruleset->arena ? build(ruleset, diag) : ERR_SYSTEM;
    if (error == ERR_OK)
        *out = ruleset;
    else
        ruleset_free(&ruleset);
    return error;
}

static void free_rule(struct compiled_rule *rule)
{
    pcre2_code_free(rule->say.code);
    for (size_t i = 0; i < rule->unless_count; i++)
        pcre2_code_free(rule->unless[i].code);
    for (size_t i = 0; i < rule->regex_count; i++)
        regex_free(&rule->regexes[i]);
}

void ruleset_free(struct ruleset **ruleset)
{
    struct ruleset *old = *ruleset;
    if (!old)
        return;
    for (size_t i = 0; old->rules && i < old->rule_count; i++)
        free_rule(&old->rules[i]);
    pcre2_compile_context_free(old->compile_context);
    pcre2_match_context_free(old->match_context);
    pcre2_match_context_free(old->regex_context);
    pcre2_match_data_free(old->match_data);
    pcre2_jit_stack_free(old->jit_stack);
    arena_free(&old->arena);
    free(old);
    *ruleset = NULL;
}

bool ruleset_has_language(const struct ruleset *ruleset, const char *language)
{
    for (size_t i = 0; i < ruleset->rule_count; i++)
        if (strcmp(pack_rule(ruleset->pack, i)->language, language) == 0)
            return true;
    return false;
}
