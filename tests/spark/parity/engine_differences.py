"""Expressions that differ between the engines, each with what to write instead.

The tests assert that they still differ, so that a new version of an engine that mends one makes
itself known. Columns are those of `safe_expressions.py`; t3 holds summer nights after 2037.
"""

from __future__ import annotations

from safe_expressions import BY_GROUP

# An expression, and what to write instead of it.
DIFFERENT = {
    "weekday(d)": "dayofweek",
    "d - d2": "datediff; Spark gives an interval, Sail a number",
    "unix_seconds(t)": "unix_micros; Sail rounds towards 1970",
    "unix_millis(t)": "unix_micros; Sail rounds towards 1970",
    "CAST(t AS bigint)": "unix_micros; Sail rounds to the nearest second",
    "from_utc_timestamp(t3, 'America/New_York')": "Sail has no summer time after 2037",
    "m / NULLIF(m2, 0)": "a division of doubles; Sail keeps six digits and cuts, Spark rounds",
    "CAST(m / NULLIF(m2, 0) AS decimal(18,6))": "a division of doubles, for the same reason",
    "nullif(f, 0D)": "CASE WHEN f <> 0; to Sail -0.0 is no 0.0 here",
    "isnan(f)": "coalesce(isnan(f), false); of null Sail says null",
    "round(f, 2)": "add 0D for the sign of zero; beyond 1e300 Sail overflows",
    "rint(f)": "round; Sail rounds halves away from zero",
    "signum(f)": "CASE; zeros keep their sign on Spark only",
    "exp(f)": "nothing: the last bit differs",
    "CAST(f AS string)": "nothing: never rely on the text of a double",
    "try_cast(f AS decimal(38,10))": "at most 15 digits; Sail shows the double's own tail",
    "try_cast(s AS decimal(12,2))": "a pattern first; Spark takes 1e3, and digits of all scripts",
    "initcap(s)": "nothing: word ends differ",
    "conv(s, 10, 16)": "nothing",
    "base64(CAST(s AS binary))": "unbase64 what is short; Spark breaks lines",
    "s RLIKE '^[0-9]+$'": r"\\A and \\z; to Java $ also stands before a line feed at the end",
    "s RLIKE '^.*$'": r"[\\s\\S]; a dot stops at other line ends in Java than in Rust",
    r"s RLIKE '\\d'": "[0-9]; to Rust every script has digits",
    r"s RLIKE '\\w'": "the letters you mean",
    r"regexp_replace(s, '\\s+', ' ')": "[ \\t]; to Rust a no-break space is a space",
    r"concat(s, '\x1f')": "lit(...) or a column; escapes in SQL text differ",
    "hash(l, i, m)": "xxhash64",
    "to_json(named_struct('m', m, 'l', l))": "CAST(… AS string) first; Sail drops zeros at the end",
    "to_json(named_struct('t', t))": "CAST(… AS string) first",
    "array_contains(array(s, 'a'), s2)": "EXISTS; nulls differ",
    "nvl2(s, 1, 0)": "CASE; Sail makes it text",
    "greatest(f, f2)": "greatest(f + 0D, f2 + 0D): zeros have a sign",
    "rank() OVER (ORDER BY f)": "ORDER BY f + 0D; Sail sorts -0.0 first",
    "row_number() OVER (PARTITION BY f ORDER BY n)": "PARTITION BY f + 0D",
    f"max(named_struct('m', m, 'n', n)) {BY_GROUP}": "coalesce the fields; nulls mislead Sail",
}
DIFFERENT_IN_GROUPS = {
    "min(f)": "without NaN, which clean data never holds; Sail forgets what came before one",
    "max(f)": "without NaN",
    "max(named_struct('l', l, 'n', n))": "coalesce the fields, or row_number",
    "min(named_struct('m', m, 'n', n))": "coalesce the fields, or row_number",
    "percentile(f, 0.5)": "without NaN",
    "mode(i)": "row_number over the counts; ties differ",
    "avg(m)": "CAST(sum(m) AS double) / count(*); Sail cuts the last digit, Spark rounds",
    "corr(i, i2)": "nothing: the last digits differ",
    "skewness(i)": "nothing: the last digits differ",
    "sum(m) / count(*)": "CAST(sum(m) AS double) / count(*)",
}
REFUSED_BY_SAIL = {
    "trunc(d, 'MONTH')": "make_date(year(d), month(d), 1): before 1677 and after 2262",
    "trunc(d, 'WEEK')": "monday_of",
    "date_trunc('DAY', t)": "to_date(t): before 1677 and after 2262",
    "d = t": "to_date(t) = d: before 1677 and after 2262",
    "m = f": "CAST(m AS double) = f",
    "if(b, f, m)": "cast to one type",
    "f / NULLIF(f2, 0D)": "CASE WHEN f2 <> 0: to Sail -0.0 is no 0.0 in NULLIF",
    "CASE WHEN i <> 0 THEN l END / i": "CASE around all of it: null by zero is null to Spark",
    "CASE WHEN m2 <> 0 THEN 1D / CAST(m2 AS double) > 1 END": "the comparison outside of the CASE",
    "CAST(m AS decimal(38,18)) * m2": "fewer digits; Spark gives up some of them, Sail does not",
    "bround(m, 1)": "round",
    "try_divide(m, m2)": "CASE WHEN m2 <> 0",
    "from_utc_timestamp(t, '-05:00')": "the zone's name",
    "date_add(d, i)": "days in a range that makes sense; Spark wraps",
}
REFUSED_BY_SPARK = {
    "l + 9223372036854775807L": "decimal; Sail wraps",
    "l * l2": "decimal; Sail wraps",
    "i + i2": "bigint; Sail wraps",
    f"sum(l * 4000) {BY_GROUP}": "a sum of decimals; Sail wraps",
    f"count(DISTINCT s) {BY_GROUP}": "a join with the groups",
    "sum(m) OVER (ORDER BY i RANGE 1 PRECEDING)": "ROWS; the least int has nothing before it",
}
# Overflow is an error on both, as it should be.
REFUSED_BY_BOTH = [
    "CAST(CAST(l AS decimal(20,0)) * 100000000000 AS bigint)",
    f"CAST(sum(CAST(l AS decimal(20,0)) * 1000000) {BY_GROUP} AS bigint)",
    "CAST(m AS decimal(10,2))",
    "CAST(l AS int)",
    "CAST(f AS bigint)",
    "CAST(s AS date)",
    "l / l2",
    "-i",
    "make_date(2017, i, 1)",
]
