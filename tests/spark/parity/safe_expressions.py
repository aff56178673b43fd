r"""Expressions that give the same value on both engines, to the last bit, on edge values too.

A list for authors of transforms. What stands here is computed on both engines for every value in
`edges.py`; what is not here has not been looked at or stands in `engine_differences.py`. Columns:
s string, l bigint, i int, m decimal(12,2), f double, d date, t timestamp, b boolean, each of them
twice (s2, l2 …); n numbers the rows and g groups them. Text is raw, as in SQL.
"""

from __future__ import annotations

BY_GROUP = "OVER (PARTITION BY g)"
IN_ORDER = "OVER (PARTITION BY g ORDER BY n)"
BY_TIME = "OVER (PARTITION BY g ORDER BY t, n)"
SO_FAR = "OVER (PARTITION BY g ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
OF_ALL = "OVER (PARTITION BY g ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
AROUND = "OVER (PARTITION BY g ORDER BY n ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)"
IN_THE_LAST_DAY = (
    "OVER (PARTITION BY g ORDER BY t RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW)"
)

SAFE = {
    "days": """
        date_sub(d, 1)
        date_add(d, 7)
        date_add(d, pmod(i, 400))
        d2 - INTERVAL 7 DAYS
        datediff(d, d2)
        dayofweek(d)
        dayofyear(d)
        weekofyear(d)
        month(d)
        quarter(d)
        year(d)
        last_day(d)
        next_day(d, 'MO')
        add_months(d, -12)
        months_between(d, d2)
        date_sub(d, pmod(dayofweek(d) + 5, 7))
        make_date(year(d), month(d), 1)
        unix_date(d)
        date_from_unix_date(pmod(i, 100000))
        CAST(d AS string)
        CAST(d AS timestamp)
        date_format(d, 'yyyy-MM')
        date_format(d, 'EEEE')
        d < d2
        d BETWEEN DATE'1582-10-05' AND DATE'1970-01-01'
        greatest(d, d2)
        least(d, d2)
        sequence(CASE WHEN year(d) = 2017 THEN d END, DATE'2018-01-10')
        sequence(CASE WHEN year(d) = 2017 THEN d END, DATE'2018-02-01', INTERVAL 7 DAYS)
    """,
    "moments": """
        to_date(t)
        CAST(t AS string)
        from_utc_timestamp(t, 'America/New_York')
        to_date(from_utc_timestamp(t, 'America/New_York'))
        to_utc_timestamp(t, 'America/New_York')
        from_utc_timestamp(t, 'Asia/Kolkata')
        from_utc_timestamp(t, 'Europe/Paris')
        date_format(t, 'yyyy-MM-dd HH:mm:ss.SSSSSS')
        date_format(t, 'yyyyMMdd')
        hour(t)
        minute(t)
        second(t)
        unix_micros(t)
        timestamp_micros(unix_micros(t))
        unix_micros(t) - unix_micros(t2)
        (unix_micros(t) - pmod(unix_micros(t), 1000000L)) DIV 1000000
        timestamp_micros(unix_micros(t) - pmod(unix_micros(t), 86400000000L))
        timestamp_seconds(i)
        CASE WHEN t < TIMESTAMP'9999-01-01 00:00:00' THEN t + INTERVAL 1 DAY END
        t - INTERVAL 30 MINUTES
        t < t2
        greatest(t, t2)
        least(t, t2)
    """,
    "whole numbers": """
        CAST(l AS double)
        CAST(l AS decimal(20,0))
        CAST(l AS string)
        CAST(CAST(l AS decimal(20,0)) * 100 AS bigint)
        try_cast(CAST(l AS decimal(20,0)) * 100000000000 AS bigint)
        try_cast(l AS int)
        try_cast(f AS bigint)
        try_cast(m AS int)
        CAST(i AS bigint) * 2
        l DIV NULLIF(l2, 0)
        l % NULLIF(l2, 0)
        l / NULLIF(l2, 0)
        pmod(l, 7)
        pmod(l, NULLIF(l2, 0))
        abs(l)
        sign(l)
        shiftright(l, 3)
        l IN (1, 2, NULL)
        l NOT IN (1, 2)
        greatest(l, l2, 5)
        CAST(b AS int)
        lpad(CAST(l AS string), 20, '0')
    """,
    "money": """
        m + m2
        m - m2
        m * m2
        m * l
        m * 0.1BD
        m % NULLIF(m2, 0)
        abs(m)
        -m
        round(m, 1)
        round(-m, 1)
        round(m, 0)
        floor(m)
        ceil(m)
        CAST(m AS double)
        CAST(m AS bigint)
        CAST(m AS string)
        CAST(m AS decimal(12,1))
        CAST(m AS decimal(18,4))
        CAST(m * 100 AS bigint)
        try_cast(m AS decimal(4,1))
        coalesce(m, 0)
        m > l
        m <=> m2
        abs(m - m2) <= 0.01
        CASE WHEN m2 <> 0 THEN CAST(m AS double) / CAST(m2 AS double) END
        CASE WHEN m2 <> 0 THEN try_cast(CAST(m AS double) / CAST(m2 AS double) AS decimal(12,2)) END
        CASE WHEN m2 <> 0 THEN round(CAST(m AS double) / CAST(m2 AS double), 4) + 0D END
    """,
    "fractions": """
        f + 0D
        f - f2
        f * f2
        CASE WHEN f2 > 0 THEN f / f2 END
        f = f2
        f < f2
        f > f2
        f <=> f2
        f IS DISTINCT FROM f2
        greatest(f + 0D, f2 + 0D)
        least(f + 0D, f2 + 0D)
        nanvl(f, 0D)
        coalesce(isnan(f), false)
        abs(f)
        floor(f)
        ceil(f)
        sqrt(f)
        pow(f, 2)
        ln(f)
        CASE WHEN abs(f) < 1e300 THEN round(f, 2) + 0D END
        CAST(f AS float)
        try_cast(f AS decimal(12,2))
    """,
    "text": r"""
        length(s)
        octet_length(s)
        upper(s)
        lower(s)
        trim(s)
        ltrim(s)
        rtrim(s)
        substring(s, 1, 2)
        substring(s, -2, 2)
        left(s, 2)
        right(s, 2)
        lpad(s, 5, '*')
        rpad(s, 5, '*')
        concat(s, s2)
        concat_ws('|', s, NULL, s2)
        concat_ws(',', l, m, d)
        reverse(s)
        replace(s, 'a', 'xx')
        translate(s, 'ab', 'x')
        instr(s, 'b')
        split(s, ',')
        split_part(s, ',', 1)
        substring_index(s, ',', 1)
        contains(s, 'a')
        startswith(s, 'a')
        endswith(s, 'b')
        s LIKE 'a%'
        s LIKE '_'
        s ILIKE 'A%'
        s <> '' AND translate(s, '0123456789', '') = ''
        s RLIKE '\\A[0-9]+\\z'
        s RLIKE '(?i)null'
        regexp_extract(s, '([0-9]+)-([0-9]+)', 2)
        regexp_replace(s, '[^0-9]', '')
        regexp_replace(s, '[ \\t]+', ' ')
        s = s2
        s < s2
        greatest(s, s2)
        s IN ('a', 'A', NULL)
        nullif(trim(s), '')
        try_cast(s AS bigint)
        try_cast(s AS double)
        try_cast(s AS date)
        try_cast(s AS timestamp)
        try_cast(s AS boolean)
        CASE WHEN s RLIKE '\\A-?[0-9]{1,9}\\z' THEN try_cast(s AS decimal(12,2)) END
    """,
    "hashes": """
        xxhash64(s)
        xxhash64(l)
        xxhash64(m)
        xxhash64(f)
        xxhash64(d)
        xxhash64(t)
        xxhash64(b)
        xxhash64(s, l, m, d, t)
        sha2(s, 256)
        md5(s)
        crc32(s)
        hex(s)
        levenshtein(s, 'abc')
    """,
    "truth, nulls and structs": """
        b AND b2
        b OR b2
        NOT b
        b <=> b2
        CASE WHEN b THEN 1 WHEN b2 THEN 2 END
        coalesce(b, false)
        if(b, 'x', s)
        s <=> s2
        nullif(l, 0)
        named_struct('a', d, 'b', l) < named_struct('a', d2, 'b', l2)
        named_struct('a', s, 'b', l) = named_struct('a', s2, 'b', l)
        element_at(array(l, l2), 1)
        size(array(l, l2))
        array_join(array(s, s2), ',')
        array_distinct(array(l, l2, l))
        sort_array(array(s, s2, 'm'))
    """,
    "windows": f"""
        row_number() OVER (PARTITION BY g ORDER BY s, n)
        row_number() OVER (PARTITION BY g ORDER BY s DESC, n)
        row_number() OVER (PARTITION BY g ORDER BY l NULLS LAST, n)
        row_number() OVER (PARTITION BY g ORDER BY l DESC NULLS FIRST, n)
        row_number() OVER (PARTITION BY g ORDER BY b DESC, n)
        row_number() OVER (PARTITION BY d ORDER BY t DESC, n)
        row_number() OVER (PARTITION BY f + 0D ORDER BY n)
        row_number() OVER (PARTITION BY g ORDER BY f + 0D, n)
        rank() OVER (PARTITION BY g ORDER BY m)
        dense_rank() OVER (PARTITION BY g ORDER BY m)
        percent_rank() OVER (PARTITION BY g ORDER BY m)
        ntile(3) OVER (PARTITION BY g ORDER BY m, n)
        lag(t) {BY_TIME}
        lag(s, 2, 'none') {IN_ORDER}
        lead(m) {IN_ORDER}
        unix_micros(t) - unix_micros(lag(t) {BY_TIME})
        coalesce(unix_micros(t) - unix_micros(lag(t) {BY_TIME}) > 1800000000L, true)
        sum(CASE WHEN b THEN 1 ELSE 0 END) {SO_FAR}
        sum(m) {SO_FAR}
        sum(m) {AROUND}
        sum(m) {BY_GROUP}
        first_value(s) {OF_ALL}
        last_value(s) {SO_FAR}
        last_value(s) IGNORE NULLS {SO_FAR}
        first_value(m, true) {OF_ALL}
        max(named_struct('m', coalesce(m, 0), 'n', n)) {BY_GROUP}
        count(*) {IN_THE_LAST_DAY}
    """,
    "groups": """
        count(*)
        count(s)
        count(DISTINCT s)
        count(DISTINCT l, m)
        count(DISTINCT CASE WHEN b THEN l END)
        count_if(b)
        count(*) FILTER (WHERE b)
        sum(m)
        sum(m) FILTER (WHERE b)
        sum(DISTINCT m)
        sum(m * i)
        sum(CASE WHEN b THEN 1 ELSE 0 END)
        sum(CAST(l AS decimal(20,0)))
        CAST(sum(CAST(l AS decimal(20,0))) AS bigint)
        CAST(sum(CAST(l AS decimal(20,0))) AS double)
        CAST(sum(m) AS decimal(18,2))
        CAST(sum(m) AS double) / CAST(count(*) AS double)
        avg(i)
        min(s)
        max(s)
        min(d)
        max(t)
        bool_or(b)
        bool_and(b)
        max(CASE WHEN isnan(f) THEN NULL ELSE f END)
        max_by(s, n)
        min_by(s, n)
        max(named_struct('m', coalesce(m, 0), 'n', n))
        median(i)
        percentile(m, 0.5)
        sort_array(collect_set(l))
        sort_array(collect_list(s))
        array_join(sort_array(collect_set(s)), '|')
    """,
}

SAFE_QUERIES = [
    "SELECT s, m, t, count(*) FROM e GROUP BY s, m, t",
    "SELECT DISTINCT s FROM e",
    "SELECT a.n, b.n AS k FROM e a LEFT JOIN e b ON a.s = b.s2 AND a.d = b.d2",
    "SELECT a.n, b.n AS k FROM e a JOIN e b ON a.l <=> b.l2 AND a.i <=> b.i2",
    "SELECT a.n, b.n AS k FROM e a FULL JOIN e b ON a.l = b.l2 AND a.s = b.s2",
    "SELECT a.n, b.n AS k FROM e a JOIN e b ON a.d BETWEEN b.d2 AND date_add(b.d2, 3)",
    "SELECT a.n FROM e a LEFT ANTI JOIN e b ON a.l = b.l2",
    "SELECT a.n FROM e a WHERE a.l NOT IN (SELECT l2 FROM e)",
    "SELECT a.n FROM e a WHERE EXISTS (SELECT 1 FROM e b WHERE b.l2 = a.l)",
    "SELECT l FROM e EXCEPT SELECT l2 FROM e",
    "SELECT g, sum(m), count(*) FROM e WHERE 1 = 0 GROUP BY g",
    "SELECT sum(m) AS m, count(*) AS k FROM e WHERE 1 = 0",
    "SELECT n, explode(sequence(d, DATE'2018-02-01', INTERVAL 7 DAYS)) FROM e "
    "WHERE d BETWEEN DATE'2017-01-01' AND DATE'2018-01-31'",
    # The most frequent value, the greater one of a tie.
    "SELECT g, m FROM (SELECT g, m, row_number() OVER (PARTITION BY g ORDER BY count(*) DESC, "
    "m DESC) AS place FROM e GROUP BY g, m) WHERE place = 1",
]
