# Attune's build. `make` alone lists the targets. Sources are found by folder: a new file needs no change here.
#
#   BUILD=folder     where the objects go (a build of another kind beside the usual one)
#   CC= CXX=         gcc and g++ unless said otherwise; clang and clang++ are kept clean too
#   SANITIZE=flags   for example -fsanitize=address,undefined
#   FAULTS=1         a build for tests, in which a message can ask a screen child to crash, hang or eat memory
#   V=1              shows the commands
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
BUILD ?= build
PREFIX ?= /usr/local
PYTHON ?= /usr/bin/python3
VERSION := 0.1.0
Q := $(if $(V),,@)

PACKAGES := libcurl libetpan gnutls gumbo libutf8proc libpcre2-8 sqlite3 yaml-0.1 libsodium libseccomp jansson
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Werror
C_WARNINGS := $(WARNINGS) -Wstrict-prototypes
# A sanitizer build keeps its own checks: FORTIFY would hide some of them.
OPTIMIZE ?= $(if $(SANITIZE),-O1 -g,-O2 -g -D_FORTIFY_SOURCE=2)
HARDEN := -fstack-protector-strong -fPIE
SANITIZE ?=
DEFINES := -D_GNU_SOURCE -DATTUNE_VERSION='"$(VERSION)"' -DATTUNE_RULES_DIR='"$(PREFIX)/share/attune/rules"' \
           $(if $(FAULTS),-DATTUNE_FAULTS)
# Third-party headers are not ours to warn about: -isystem keeps them out of -Werror.
LIB_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null | sed 's/-I/-isystem /g')
LIB_LIBS := $(filter-out -specs=%,$(shell pkg-config --libs $(PACKAGES) 2>/dev/null)) -lcld2 -lstdc++ -lm
CFLAGS_ALL := -std=c11 $(OPTIMIZE) $(C_WARNINGS) $(HARDEN) $(SANITIZE) $(DEFINES) -Iinclude $(LIB_CFLAGS)
CXXFLAGS_ALL := -std=c++17 $(OPTIMIZE) $(WARNINGS) $(HARDEN) $(SANITIZE) $(DEFINES) -Iinclude
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now $(SANITIZE)

ROOMS := base fetch screen engine decide keep notify cli
LIB_C := $(sort $(foreach room,$(ROOMS),$(wildcard daemon/$(room)/*.c)))
LIB_CXX := $(sort $(wildcard daemon/*/*.cc))
LIB_O := $(LIB_C:%.c=$(BUILD)/%.o) $(LIB_CXX:%.cc=$(BUILD)/%.o)
PROGRAMS := $(patsubst daemon/%.c,$(BUILD)/%,$(wildcard daemon/*.c))
HEADERS := $(sort $(wildcard include/attune/*.h))
UNIT_C := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(UNIT_C:tests/unit/%.c=$(BUILD)/tests/%)
FUZZ_C := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(FUZZ_C:tests/fuzz/%.c=build-fuzz/fuzz/%)
FLAGS := $(CC) $(CXX) $(CFLAGS_ALL) $(CXXFLAGS_ALL) $(LDFLAGS_ALL)
FUZZ_FLAGS := CC=clang CXX=clang++ BUILD=build-fuzz SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'

.PHONY: help all demo check bench install deps lint fuzz sweep clean unit unit-build system headers fuzz-build FORCE
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

all: $(PROGRAMS) ## build the daemon attuned and the command attune

demo: ## watch mail in six languages being read, sorted and paged, on a throw-away mail server
	@.ci/deps build demo
	@$(MAKE) all
	@$(PYTHON) tests/system/demo.py --build $(BUILD)

check: ## build with gcc and clang, run every test, end with `N passed, N failed`
	@.ci/deps build test
	@$(PYTHON) .ci/check.py

unit: unit-build ## run the unit tests (also with SANITIZE, CC, BUILD)
	@$(PYTHON) .ci/check.py unit $(BUILD)

system: all ## run the system tests against a real Dovecot (TESTS=expression picks some)
	$(Q)$(MAKE) BUILD=build-faults FAULTS=1 all
	$(Q)$(PYTHON) -m pytest -q -p no:cacheprovider tests/system $(if $(TESTS),-k '$(TESTS)')

bench: ## measure speed and memory beside mbsync in the same run (QUICK=1 for a short one)
	@.ci/deps build bench
	@$(MAKE) all
	@QUICK=$(QUICK) $(PYTHON) tests/bench/bench.py --build $(BUILD)

sweep: ## kill the daemon at every planned point (POINTS=30 MESSAGES=500 SEED=1)
	@.ci/deps build test
	@$(MAKE) all
	@$(PYTHON) tests/system/sweep.py --build $(BUILD) --points $(or $(POINTS),30) --messages $(or $(MESSAGES),500) --seed $(or $(SEED),1)

fuzz: ## feed every parser hostile bytes (SECONDS=60 each)
	@.ci/deps build fuzz
	@$(MAKE) $(FUZZ_FLAGS) fuzz-build
	@.ci/fuzz build-fuzz/fuzz $(or $(SECONDS),60)

install: all ## install under PREFIX (/usr/local), below DESTDIR when given
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/attune $(DESTDIR)$(PREFIX)/share/doc/attune
	install -m 755 $(BUILD)/attuned $(DESTDIR)$(PREFIX)/sbin/attuned
	install -m 755 $(BUILD)/attune $(DESTDIR)$(PREFIX)/bin/attune
	find rules -type f -exec install -D -m 644 {} $(DESTDIR)$(PREFIX)/share/attune/{} \;
	install -m 644 LICENSE README.md $(wildcard docs/*.md docs/*.sample) $(DESTDIR)$(PREFIX)/share/doc/attune/
	for page in $(wildcard docs/*.[1-8]); do install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done

deps: ## install what is missing from Debian's packages, saying which and why
	@.ci/deps build test fuzz bench

lint: headers ## check layout, header contracts and scripts
	@.ci/lint

clean: ## remove every build
	rm -rf build build-*

# --- how things are built ---

unit-build: $(UNIT_BIN)

fuzz-build: $(FUZZ_BIN)

headers: $(HEADERS:include/%=$(BUILD)/headers/%.ok)

$(BUILD)/headers/%.ok: include/%
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -fsyntax-only -x c $<
	@touch $@

# A change of compiler or flags rebuilds everything.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || echo '$(subst ','\'',$(FLAGS))' >$@

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo '  $(CC) $<')
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.cc $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo '  $(CXX) $<')
	$(Q)$(CXX) $(CXXFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/libattune.a: $(LIB_O)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(PROGRAMS): $(BUILD)/%: $(BUILD)/daemon/%.o $(BUILD)/libattune.a
	$(if $(V),,@echo '  link $@')
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIB_LIBS)

$(BUILD)/tests/test_%: tests/unit/test_%.c $(BUILD)/libattune.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo '  $(CC) $<')
	$(Q)$(CC) $(CFLAGS_ALL) -Itests/unit -MMD -MP -o $@ $< $(BUILD)/libattune.a $(LDFLAGS_ALL) $(LIB_LIBS) -lcmocka

$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/libattune.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo '  $(CC) $<')
	$(Q)$(CC) $(CFLAGS_ALL) -fsanitize=fuzzer -Itests/fuzz -MMD -MP -o $@ $< $(BUILD)/libattune.a $(LDFLAGS_ALL) -fsanitize=fuzzer $(LIB_LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
