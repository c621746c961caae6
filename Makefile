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
DEFINES := -D_GNU_SOURCE -DATTUNE_VERSION='"$(VERSION)"' $(if $(FAULTS),-DATTUNE_FAULTS)
RULES_DIR := $(PREFIX)/share/attune/rules
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
TO = $(DESTDIR)$(PREFIX)
MAN = $(TO)/share/man
MANUALS := $(wildcard docs/*.[158])
UNITS := $(notdir $(wildcard systemd/*.service))
COMPLETIONS := bash-completion/completions zsh/site-functions
FLAGS := $(CC) $(CXX) $(CFLAGS_ALL) $(CXXFLAGS_ALL) $(LDFLAGS_ALL)
FUZZ_FLAGS := CC=clang CXX=clang++ BUILD=build-fuzz SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'

.PHONY: help all demo check bench install uninstall deps lint fuzz sweep clean unit unit-build system headers fuzz-build FORCE
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

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
	$(Q)install -d $(MAN)/man1 $(MAN)/man5 $(MAN)/man8 $(TO)/sbin $(TO)/bin $(TO)/share/doc/attune $(COMPLETIONS:%=$(TO)/share/%)
	$(Q)install -d $(TO)/lib/systemd/system $(TO)/lib/sysusers.d $(TO)/lib/tmpfiles.d
	$(Q)install -m 755 $(BUILD)/attuned $(TO)/sbin/attuned
	$(Q)install -m 755 $(BUILD)/attune $(TO)/bin/attune
	$(Q)find rules -type f -exec install -D -m 644 {} $(TO)/share/attune/{} \;
	$(Q)install -m 644 LICENSE README.md $(wildcard docs/*.md docs/*.sample) $(TO)/share/doc/attune/
	$(Q)for page in $(notdir $(MANUALS)); do install -m 644 docs/$$page $(MAN)/man$${page##*.}/$$page || exit; done
	$(Q)set -o pipefail; $(BUILD)/attune help --bash | install -m 644 /dev/stdin $(TO)/share/bash-completion/completions/attune
	$(Q)set -o pipefail; $(BUILD)/attune help --zsh | install -m 644 /dev/stdin $(TO)/share/zsh/site-functions/_attune
	$(Q)for unit in $(UNITS); do sed '2,$$s|/usr/local/|$(PREFIX)/|g' systemd/$$unit | install -m 644 /dev/stdin $(TO)/lib/systemd/system/$$unit || exit; done
	$(Q)install -m 644 systemd/attune.sysusers $(TO)/lib/sysusers.d/attune.conf
	$(Q)install -m 644 systemd/attune.tmpfiles $(TO)/lib/tmpfiles.d/attune.conf

uninstall: ## remove what install put there (settings and journal stay)
	$(Q)rm -f $(TO)/sbin/attuned $(TO)/bin/attune $(UNITS:%=$(TO)/lib/systemd/system/%)
	$(Q)rm -f $(TO)/lib/sysusers.d/attune.conf $(TO)/lib/tmpfiles.d/attune.conf
	$(Q)rm -f $(TO)/share/bash-completion/completions/attune $(TO)/share/zsh/site-functions/_attune
	$(Q)for page in $(notdir $(MANUALS)); do rm -f $(MAN)/man$${page##*.}/$$page; done
	$(Q)rm -rf $(TO)/share/attune $(TO)/share/doc/attune

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

# Only these know where the rules will stand: another PREFIX rebuilds them alone.
PLACED_O := $(BUILD)/daemon/base/conf_rows.o $(BUILD)/daemon/cli/clirules.o
$(PLACED_O): private CFLAGS_ALL += -DATTUNE_RULES_DIR='"$(RULES_DIR)"'
$(PLACED_O): $(BUILD)/rules-dir
$(BUILD)/rules-dir: FORCE
	@mkdir -p $(@D)
	@echo '$(RULES_DIR)' | cmp -s - $@ || echo '$(RULES_DIR)' >$@

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
