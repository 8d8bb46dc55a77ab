"""The grammar of the criterion language, as lark takes it and as people read it."""

GRAMMAR = r"""
criterion:   or
?or:         and ("or"i and)*
?and:        not ("and"i not)*
?not:        "not"i not -> negation
          |  "(" or ")"
          |  comparison
          |  met

comparison:  operand OP LITERAL clause*                // availability[1h] < 99.5% for 5m
operand:     name argument? window?                    // burn_rate(availability)[1h]
argument:    "(" name ")"
window:      "[" DURATION "]"
?clause:     "over"i DURATION -> over                  // the same as the window in brackets
          |  hold
          |  "vs"i name -> against                     // lifts: the control variant
          |  "significant"i ("at"i LITERAL)? -> significant  // lifts: at 5% without a number
          |  "point"i -> point                         // the value itself decides, not its interval
hold:        "for"i DURATION                           // over every evaluation of this time

met:         subjects "met"i hold? STRICTLY?           // all slos met for 14d
?subjects:   "all"i "slos"i among? -> all_slos
          |  "any"i "slos"i among? -> any_slos         // any slos in (availability, error-rate) met
          |  name -> one_slo                           // availability met for 7d strictly
among:       "in"i "(" name ("," name)* ")"

name:        NAME | QUOTED                             // in quotes it may be any text: "mobile users"
NAME:        /[a-z0-9_][a-z0-9_-]*/i
QUOTED:      /"([^"\\]|\\.)*"/                         // \" is a quote, \\ a backslash
STRICTLY:    "strictly"i
OP:          /[<>=!≤≥≠]+/                              // < <= > >= == !=
LITERAL:     /[+-]?[0-9][0-9a-z_.,%\/]*( +(us|ms|s|m|h|d|w|%|ratio|\/5|\/s|\/min)(?![a-z0-9_]))?/i
DURATION:    /[0-9][0-9a-z_.]*/i                       // 30s, 5m, 1h30m, 14d, 2w
%ignore " "
"""
