/* SPDX-License-Identifier: MIT */
#include "rules.h"

enum { RULE_COUNT = 6 };

static bool any(const rule_options *rules, bool set)
{
    const option_number *const numbers[RULE_COUNT] = {&rules->last,    &rules->hourly,
                                                      &rules->daily,   &rules->weekly,
                                                      &rules->monthly, &rules->yearly};
    bool found = false;

    for (int i = 0; i < RULE_COUNT; i++) {
        found = found || (set ? numbers[i]->value > 0 : numbers[i]->given);
    }
    return found;
}

bool rules_are_given(const rule_options *rules)
{
    return any(rules, false);
}

bool rules_keep_something(const rule_options *rules)
{
    return any(rules, true);
}
