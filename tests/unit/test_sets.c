/* links: watcher prover */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>

#include "prover/ruleset.h"
#include "ruleset_load.h"

static const uint8_t *
key4(const char *address, uint16_t port)
{
	static uint8_t key[REG_BYTES];

	memset(key, 0, sizeof(key));
	assert_int_equal(inet_pton(AF_INET, address, key), 1);
	key[4] = (uint8_t)(port >> 8);
	key[5] = (uint8_t)port;
	return key;
}

static bool
has(const struct set *s, const char *address, uint16_t port)
{
	uint32_t i;

	return set_find(s, key4(address, port), &i);
}

/* "a-b c-d" of IPv4 sources. */
static const char *
sources(const struct set *s, uint16_t port)
{
	static char text[512];
	struct ranges r = set_sources(s, key4("0.0.0.0", port), 0, 4);

	text[0] = '\0';
	for (uint32_t i = 0; i < r.n; i++) {
		char lo[64], hi[64];
		struct addr a = number_addr(4, r.v[i].lo), b = number_addr(4, r.v[i].hi);

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s-%s", i ? " " : "",
		    addr_format(&a, lo), addr_format(&b, hi));
	}
	ranges_fini(&r);
	return text;
}

static void
each_kind_of_set_is_read_exactly(void **state)
{
	struct loaded w;
	struct element e;
	struct set *s;
	uint32_t i;

	if (*state)
		skip();
	loaded_make(&w,
	    "table inet t {\n"
	    "set hash { type ipv4_addr; elements = { 192.0.2.9, 10.0.0.1, 10.0.0.2 } }\n"
	    "set tree { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.0.2.5, "
	    "198.51.100.16-198.51.100.31 } }\n"
	    "set end { type ipv4_addr; flags interval; elements = { 0.0.0.0/8, 250.0.0.0-"
	    "255.255.255.255 } }\n"
	    "set every { type ipv4_addr; flags interval; elements = { 0.0.0.0/0 } }\n"
	    "set six { type ipv6_addr; flags interval; elements = { 2001:db8::/32 } }\n"
	    "set pairs { type ipv4_addr . inet_service; elements = { 10.0.0.1 . 80, 10.0.0.9 . "
	    "81, 10.0.0.2 . 80 } }\n"
	    "set areas { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 "
	    ". 1000-2000, 192.0.2.1 . 22, 192.0.2.0/24 . 3000 } }\n"
	    "set names { type ifname; elements = { \"eth0\", \"lo\" } }\n"
	    "set empty { type ipv4_addr; flags interval; }\n"
	    "}\n");
	assert_string_equal(
	    sources(loaded_set(&w, "hash"), 0), "10.0.0.1-10.0.0.2 192.0.2.9-192.0.2.9");
	assert_string_equal(sources(loaded_set(&w, "tree"), 0),
	    "10.0.0.0-10.255.255.255 192.0.2.5-192.0.2.5 198.51.100.16-198.51.100.31");
	assert_string_equal(
	    sources(loaded_set(&w, "end"), 0), "0.0.0.0-0.255.255.255 250.0.0.0-255.255.255.255");
	assert_string_equal(sources(loaded_set(&w, "every"), 0), "0.0.0.0-255.255.255.255");
	assert_string_equal(sources(loaded_set(&w, "empty"), 0), "");
	s = loaded_set(&w, "pairs");
	assert_int_equal(s->key_len, 8);
	assert_string_equal(sources(s, 80), "10.0.0.1-10.0.0.2");
	assert_string_equal(sources(s, 81), "10.0.0.9-10.0.0.9");
	assert_string_equal(sources(s, 80), "10.0.0.1-10.0.0.2");
	assert_string_equal(sources(s, 82), "");
	assert_true(has(s, "10.0.0.1", 80));
	assert_false(has(s, "10.0.0.1", 81));
	s = loaded_set(&w, "areas");
	assert_int_equal(s->n_fields, 2);
	assert_int_equal(s->fields[1].offset, 4);
	assert_int_equal(s->fields[1].len, 2);
	assert_string_equal(sources(s, 1500), "10.0.0.0-10.255.255.255");
	assert_string_equal(sources(s, 3000), "192.0.2.0-192.0.2.255");
	assert_true(has(s, "10.200.0.1", 2000));
	assert_false(has(s, "10.200.0.1", 2001));
	assert_true(has(s, "192.0.2.1", 22));
	assert_false(has(s, "192.0.2.2", 22));
	s = loaded_set(&w, "six");
	assert_int_equal(s->n, 1);
	set_element(s, 0, &e);
	assert_int_equal(e.lo[0], 0x20);
	assert_int_equal(e.hi[15], 0xff);
	s = loaded_set(&w, "names");
	assert_int_equal(s->key_len, 16);
	set_element(s, 0, &e);
	assert_string_equal((char *)e.lo, "eth0");
	for (i = 0; i < w.rules.n_sets; i++)
		assert_false(w.rules.sets[i].unknown);
	loaded_fini(&w);
}

static void
maps_carry_their_data(void **state)
{
	struct loaded w;
	struct element e;
	struct set *s;
	uint32_t i, mark;

	if (*state)
		skip();
	loaded_make(&w,
	    "table ip t {\n"
	    "map m { type ipv4_addr : mark; flags interval; elements = { 10.0.0.0/8 : 7, "
	    "11.128.0.0/9 : 9, * : 3 } }\n"
	    "map d { type inet_service : ipv4_addr . inet_service; elements = { 80 : 172.17.0.2 "
	    ". 5000 } }\n"
	    "map r { type inet_service : interval ipv4_addr; flags interval; elements = { 80 : "
	    "10.0.0.1-10.0.0.9 } }\n"
	    "}\n");
	s = loaded_set(&w, "m");
	assert_true(set_find(s, key4("11.200.0.1", 0), &i));
	set_element(s, i, &e);
	memcpy(&mark, e.data, 4);
	assert_int_equal(mark, 9);
	assert_true(set_find(s, key4("12.0.0.1", 0), &i));
	assert_int_equal(i, s->n);
	memcpy(&mark, s->catchall->data, 4);
	assert_int_equal(mark, 3);
	assert_string_equal(sources(s, 0), "10.0.0.0-10.255.255.255 11.128.0.0-11.255.255.255");
	s = loaded_set(&w, "d");
	assert_int_equal(s->data_len, 8);
	set_element(s, 0, &e);
	assert_memory_equal(e.data, "\xac\x11\x00\x02\x13\x88\x00\x00", 8);
	s = loaded_set(&w, "r");
	set_element(s, 0, &e);
	assert_int_equal(s->data_len, 8);
	assert_memory_equal(e.data, "\x0a\x00\x00\x01\x0a\x00\x00\x09", 8);
	loaded_fini(&w);
}

static void
sets_that_may_hold_anything_say_why(void **state)
{
	struct loaded w;

	if (*state)
		skip();
	loaded_make(&w,
	    "table inet t {\n"
	    "set filled { type ipv4_addr; flags dynamic,timeout; timeout 1m; }\n"
	    "set quiet { type ipv4_addr; flags timeout; elements = { 10.0.0.1 timeout 1h } }\n"
	    "set counted { type ipv4_addr; counter; elements = { 10.0.0.1 } }\n"
	    "set slow { type ipv4_addr; limit rate 1/second; elements = { 10.0.0.1 } }\n"
	    "chain c { type filter hook input priority 0; ip saddr @quiet drop; }\n"
	    "}\n");
	assert_true(loaded_set(&w, "filled")->unknown);
	assert_string_equal(loaded_set(&w, "filled")->why, "set filled is filled by packets");
	assert_false(loaded_set(&w, "quiet")->unknown);
	assert_int_equal(loaded_set(&w, "quiet")->n, 1);
	assert_false(loaded_set(&w, "counted")->unknown);
	assert_true(loaded_set(&w, "slow")->unknown);
	assert_string_equal(loaded_set(&w, "slow")->why, "limit in set slow");
	loaded_fini(&w);
}

/* Whole questions against the same asked address by address, for sets of random areas. */
static void
answers_agree_with_each_other(void **state)
{
	char text[8192] = "table inet t { set a { type ipv4_addr . inet_service; flags interval; "
			  "elements = {";
	struct loaded w;
	struct set *s;

	if (*state)
		skip();
	srand(7);
	/* Areas that do not meet: each has a /24 of its own. */
	for (int i = 0; i < 100; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    " 10.0.%d.%d-10.0.%d.%d . %d-%d,", i, rand() % 100, i, 100 + rand() % 100,
		    rand() % 30, 30 + rand() % 30);
	strcat(text, " 10.1.0.1 . 7 }; }; }\n");
	loaded_make(&w, text);
	s = loaded_set(&w, "a");
	assert_int_equal(s->n, 101);
	for (uint16_t port = 0; port < 64; port++) {
		struct ranges r = set_sources(s, key4("0.0.0.0", port), 0, 4);
		uint16_t lo = 0, hi = UINT16_MAX;

		for (int i = 0; i < 2000; i++) {
			uint32_t at = 0x0a000000u + (uint32_t)(rand() % 0x10200), index;
			uint8_t key[REG_BYTES] = {0};

			memcpy(key, key4("0.0.0.0", port), 8);
			at = htonl(at);
			memcpy(key, &at, 4);
			assert_int_equal(ranges_has(&r, ntohl(at)), set_find(s, key, &index));
		}
		set_port_class(s, 4, port, &lo, &hi);
		assert_true(lo <= port && port <= hi);
		for (uint32_t p = lo; p <= hi && p < 70; p++) {
			struct ranges o = set_sources(s, key4("0.0.0.0", (uint16_t)p), 0, 4);

			assert_int_equal(o.n, r.n);
			if (r.n)
				assert_memory_equal(o.v, r.v, r.n * sizeof(*r.v));
			ranges_fini(&o);
		}
		ranges_fini(&r);
	}
	loaded_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_kind_of_set_is_read_exactly),
	    cmocka_unit_test(maps_carry_their_data),
	    cmocka_unit_test(sets_that_may_hold_anything_say_why),
	    cmocka_unit_test(answers_agree_with_each_other),
	};

	return cmocka_run_group_tests(tests, loaded_enter, NULL);
}
