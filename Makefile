# Attune's build. `make` alone lists the targets. Sources are found by folder: a new file needs no change here.
SHELL := /bin/bash
CC ?= gcc
CXX ?= g++
BUILD ?= build
PREFIX ?= /usr/local
VERSION := 0.1.0

PACKAGES := libcurl libetpan gmime-3.0 gumbo libutf8proc libpcre2-8 sqlite3 yaml-0.1 libsodium libseccomp jansson
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Werror
C_WARNINGS := $(WARNINGS) -Wstrict-prototypes
OPTIMIZE ?= -O2 -g -D_FORTIFY_SOURCE=2
HARDEN := -fstack-protector-strong -fPIE
SANITIZE ?=
DEFINES := -D_GNU_SOURCE -DATTUNE_VERSION='"$(VERSION)"'
# Third-party headers are not ours to warn about: -isystem keeps them out of -Werror.
LIB_CFLAGS = $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null | sed 's/-I/-isystem /g')
LIB_LIBS = $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lcld2 -lstdc++ -lm
CFLAGS_ALL = -std=c11 $(OPTIMIZE) $(C_WARNINGS) $(HARDEN) $(SANITIZE) $(DEFINES) -Iinclude $(LIB_CFLAGS)
CXXFLAGS_ALL = -std=c++17 $(OPTIMIZE) $(WARNINGS) $(HARDEN) $(SANITIZE) $(DEFINES) -Iinclude
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now $(SANITIZE)

ROOMS := base fetch screen engine decide keep notify cli
LIB_C := $(sort $(foreach room,$(ROOMS),$(wildcard daemon/$(room)/*.c)))
LIB_CXX := $(sort $(wildcard daemon/*/*.cc))
LIB_O := $(LIB_C:%.c=$(BUILD)/%.o) $(LIB_CXX:%.cc=$(BUILD)/%.o)
UNIT_C := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(UNIT_C:tests/unit/%.c=$(BUILD)/tests/%)
FUZZ_C := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_C := $(sort $(wildcard tests/bench/bench_*.c))

.PHONY: help all demo check bench install deps lint fuzz sweep clean unit system sanitize headers

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

all: $(BUILD)/attuned $(BUILD)/attune ## build the daemon and the command

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/libattune.a: $(LIB_O)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/attuned: $(BUILD)/daemon/attuned.o $(BUILD)/libattune.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIB_LIBS)

$(BUILD)/attune: $(BUILD)/daemon/attune.o $(BUILD)/libattune.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIB_LIBS)

$(BUILD)/tests/test_%: tests/unit/test_%.c $(BUILD)/libattune.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Itests/unit -MMD -MP -o $@ $< $(BUILD)/libattune.a $(LDFLAGS_ALL) $(LIB_LIBS) -lcmocka

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
