"""What must hold of `product_360`: each number again, from the tables it was made of.

A claim counts the products for which its numbers disagree, column by column, so that a failed one
says at once which number is wrong. Quotients are compared within a billionth.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from product360_assets.curated.claims import Claim
from spark.tables.curated import PRODUCT_360, WINDOW_DAYS

_DAY = "(SELECT any_value(as_of_date) FROM curated.product_360)"
# Monday of the last closed week, and of the first of the last 13 and 52.
_WEEK = f"(date_trunc('week', {_DAY} - 6)::DATE)"
_QUARTER, _YEAR = f"({_WEEK} - 84)", f"({_WEEK} - 357)"


def _agree(name: str, why: str, expected: str, columns: Sequence[str]) -> Claim:
    """The claim that columns are what `expected`, a query by product, gives under their names.

    A product that the query does not give has counts of zero and nothing else.
    """

    def differs(column: str) -> str:
        kind = PRODUCT_360.column(column).type
        if kind == "double":
            both = f"abs(p.{column} - e.{column}) > 1e-9"
            return f"coalesce({both}, p.{column} IS DISTINCT FROM e.{column})"
        empty = f"coalesce(e.{column}, 0)" if kind == "bigint" else f"e.{column}"
        return f"p.{column} IS DISTINCT FROM {empty}"

    return Claim(
        name,
        why,
        f"""
        SELECT count(*) FILTER ({" OR ".join(map(differs, columns))}) = 0 AS holds,
               {", ".join(f"count(*) FILTER ({differs(each)}) AS {each}" for each in columns)}
        FROM curated.product_360 p LEFT JOIN ({expected}) e USING (product_id)
        """,
    )


SALES = (
    Claim(
        "every_product_has_its_row",
        "A product that is missing here is missing from every dashboard.",
        """
        SELECT count(*) FILTER (a.product_id IS NULL OR b.product_id IS NULL) = 0 AS holds,
               count(a.product_id) AS products, count(b.product_id) AS rows
        FROM curated.product a FULL JOIN curated.product_360 b USING (product_id)
        """,
    ),
    Claim(
        "revenue_equals_the_sales_of_the_longest_window",
        "Summed over all products, a window holds exactly the sales of its days.",
        f"""
        WITH made AS (
            SELECT any_value(as_of_date) AS day, sum(revenue_{max(WINDOW_DAYS)}d) AS revenue,
                   sum(units_{max(WINDOW_DAYS)}d) AS units
            FROM curated.product_360
        ),
        sold AS (
            SELECT sum(s.sales_value) AS revenue, sum(s.units) AS units
            FROM curated.sales_line s, made
            WHERE business_date > day - {max(WINDOW_DAYS)} AND business_date <= day
        )
        SELECT made.revenue = sold.revenue AND made.units = sold.units AS holds,
               made.revenue AS revenue, sold.revenue AS sales,
               made.units AS units, sold.units AS units_sold
        FROM made, sold
        """,
    ),
    Claim(
        "longer_windows_hold_the_shorter_ones",
        "What was sold in a week was sold in the month that ends with it.",
        f"""
        SELECT count(*) = 0 AS holds, count(*) AS products
        FROM curated.product_360
        WHERE {
            " OR ".join(
                f"{count}_{short}d > {count}_{long}d"
                for short, long in pairwise(WINDOW_DAYS)
                for count in ("units", "baskets", "households")
            )
        }
        """,
    ),
)

STORY = (
    Claim(
        "stages_follow_from_dates",
        "A stage that contradicts its own dates would be planned for wrongly.",
        """
        SELECT count(*) FILTER (
                   (lifecycle_stage = 'never_sold') <> (first_sale_date IS NULL)
                   OR (lifecycle_stage = 'new')
                      <> coalesce(as_of_date - first_sale_date < 91, false)
                   OR (lifecycle_stage = 'dormant') <> coalesce(as_of_date - last_sale_date >= 91,
                                                                false)
                   OR lifecycle_stage NOT IN ('never_sold', 'new', 'dormant', 'growing',
                                              'declining', 'stable')
                   OR first_sale_date > last_sale_date OR last_sale_date > as_of_date
                   OR days_since_last_sale <> as_of_date - last_sale_date
                   OR (last_sale_date IS NULL) <> (days_since_last_sale IS NULL)
               ) = 0 AS holds,
               count(*) FILTER (lifecycle_stage = 'new') AS new,
               count(*) FILTER (lifecycle_stage = 'growing') AS growing,
               count(*) FILTER (lifecycle_stage = 'stable') AS stable,
               count(*) FILTER (lifecycle_stage = 'declining') AS declining,
               count(*) FILTER (lifecycle_stage = 'dormant') AS dormant,
               count(*) FILTER (lifecycle_stage = 'never_sold') AS never_sold
        FROM curated.product_360
        """,
    ),
    _agree(
        "prices_are_those_of_the_last_priced_week",
        "The price now is the last one that the pricing team named, and no other.",
        f"""
        SELECT product_id, arg_max(shelf_price, week_start) AS shelf_price,
               arg_max(loyalty_price, week_start) AS loyalty_price,
               max(week_start) AS priced_week,
               count(*) FILTER (shelf_price <> before AND week_start >= {_YEAR})
                   AS price_changes_364d
        FROM (
            SELECT *, lag(shelf_price) OVER (PARTITION BY product_id ORDER BY week_start) AS before
            FROM curated.product_week WHERE shelf_price IS NOT NULL
        ) GROUP BY product_id
        """,
        ("shelf_price", "loyalty_price", "priced_week", "price_changes_364d"),
    ),
    Claim(
        "a_category_costs_its_mean",
        "Within one category the price indexes average to one, or it is no index.",
        """
        SELECT coalesce(max(abs(mean - 1)), 0) < 1e-9 AND sum(without) = 0 AS holds,
               count(*) AS categories, max(abs(mean - 1)) AS furthest_mean,
               sum(without) AS priced_products_without
        FROM (
            SELECT avg(category_price_index) AS mean,
                   count(*) FILTER (category_price_index IS NULL) AS without
            FROM curated.product_360
            WHERE shelf_price > 0 AND product_category IS NOT NULL
            GROUP BY department, product_category
        )
        """,
    ),
    _agree(
        "promotions_are_those_of_the_weeks",
        "Weeks promoted and their uplift are counted from the very weeks that are published.",
        f"""
        WITH counted AS (
            SELECT product_id,
                   count(*) FILTER (baskets > 0 AND week_start >= {_YEAR}) AS weeks_sold_364d,
                   count(*) FILTER (is_promoted AND week_start >= {_YEAR}) AS promotion_weeks_364d,
                   count(*) FILTER (stores_on_display > 0 AND week_start >= {_YEAR})
                       AS display_weeks_364d,
                   count(*) FILTER (stores_in_mailer > 0 AND week_start >= {_YEAR})
                       AS mailer_weeks_364d,
                   CAST(sum(shelf_value - revenue) FILTER (week_start >= {_QUARTER}) AS DOUBLE)
                       / nullif(sum(shelf_value) FILTER (week_start >= {_QUARTER}), 0)
                       AS discount_depth_91d
            FROM curated.product_week GROUP BY product_id
        ),
        -- The first week that the sales hold whole.
        begun AS (
            SELECT product_id,
                   greatest(min(week_start) FILTER (baskets > 0), {_YEAR},
                            (SELECT date_trunc('week', min(business_date) + 6)::DATE
                             FROM curated.sales_line)) AS begin
            FROM curated.product_week GROUP BY product_id HAVING max(baskets) > 0
        ),
        weighed AS (
            SELECT product_id, ({_WEEK} - any_value(begin)) // 7 + 1 AS weeks,
                   count(*) FILTER (is_promoted) AS promoted,
                   sum(units) FILTER (is_promoted) AS promoted_units,
                   sum(units) FILTER (NOT is_promoted) AS other_units
            FROM curated.product_week JOIN begun USING (product_id)
            WHERE week_start >= begin GROUP BY product_id
        )
        SELECT counted.*,
               CASE WHEN promoted >= 4 AND weeks - promoted >= 4 AND other_units > 0
                    THEN promoted_units / promoted / (other_units / (weeks - promoted)) - 1
               END AS promotion_uplift
        FROM counted LEFT JOIN weighed USING (product_id)
        """,
        (
            "weeks_sold_364d",
            "promotion_weeks_364d",
            "display_weeks_364d",
            "mailer_weeks_364d",
            "discount_depth_91d",
            "promotion_uplift",
        ),
    ),
    _agree(
        "clicks_and_coupons_are_those_of_the_weeks",
        "Clicks and used coupons are counted from the very weeks that are published.",
        f"""
        SELECT product_id,
               sum(coupon_redemptions) FILTER (week_start >= {_YEAR}) AS coupon_redemptions_364d,
               sum(views) FILTER (week_start >= {_QUARTER}) AS views_91d,
               sum(cart_additions) FILTER (week_start >= {_QUARTER}) AS cart_additions_91d,
               sum(online_purchases) FILTER (week_start >= {_QUARTER}) AS online_purchases_91d,
               cart_additions_91d / nullif(views_91d, 0) AS view_to_cart_rate_91d,
               online_purchases_91d / nullif(cart_additions_91d, 0) AS cart_to_purchase_rate_91d
        FROM curated.product_week GROUP BY product_id
        """,
        (
            "coupon_redemptions_364d",
            "views_91d",
            "cart_additions_91d",
            "online_purchases_91d",
            "view_to_cart_rate_91d",
            "cart_to_purchase_rate_91d",
        ),
    ),
    Claim(
        "campaigns_reach_the_households_they_were_sent_to",
        "A product that a campaign offered reaches somebody, and nobody else reaches anybody.",
        f"""
        WITH valid AS (
            SELECT * FROM curated.interaction
            WHERE campaign_start_date <= {_DAY} AND campaign_end_date > {_DAY} - 364
        ),
        sent AS (
            SELECT count(DISTINCT household_id) AS households FROM valid
            WHERE interaction_type = 'target'
        )
        SELECT count(*) FILTER (
                   p.campaigns_364d <> coalesce(o.campaigns, 0)
                   OR p.campaign_reach_364d > sent.households
                   OR p.campaigns_364d = 0 AND p.campaign_reach_364d > 0
               ) = 0 AS holds,
               count(*) FILTER (p.campaigns_364d > 0) AS offered_products,
               max(p.campaign_reach_364d) AS widest_reach, any_value(sent.households) AS households
        FROM curated.product_360 p CROSS JOIN sent LEFT JOIN (
            SELECT product_id, count(DISTINCT campaign_id) AS campaigns
            FROM valid WHERE interaction_type = 'offer' GROUP BY product_id
        ) o USING (product_id)
        """,
    ),
    Claim(
        "rates_can_be_rates",
        "A share below nothing or above all is a fault of the arithmetic.",
        f"""
        SELECT count(*) = 0 AS holds, count(*) AS products
        FROM curated.product_360
        WHERE discount_depth_91d NOT BETWEEN 0 AND 1 OR promotion_uplift < -1
           OR category_price_index <= 0
           OR view_to_cart_rate_91d < 0 OR cart_to_purchase_rate_91d < 0
           OR {" OR ".join(f"repeat_rate_{days}d NOT BETWEEN 0 AND 1" for days in WINDOW_DAYS)}
        """,
    ),
    Claim(
        "flags_say_what_is_so",
        "A missing flag lets a reader trust what should not be trusted.",
        f"""
        WITH flagged AS (
            SELECT *, coalesce(string_split(quality_flags, ','), []) AS flags
            FROM curated.product_360
        )
        SELECT count(*) FILTER (
                   list_contains(flags, 'no_category') <> (product_category IS NULL)
                   OR list_contains(flags, 'no_package_size') <> (package_size IS NULL)
                   OR list_contains(flags, 'no_price')
                      <> (shelf_price IS NULL AND first_sale_date IS NOT NULL AND NOT is_fuel)
                   OR list_contains(flags, 'not_in_catalogue') <> is_unknown_member
                   OR list_contains(flags, 'price_is_old')
                      <> coalesce(priced_week < {_QUARTER}, false)
                   OR list_contains(flags, 'sold_by_volume') <> is_fuel
                   OR flags <> list_sort(list_distinct(flags))
                   OR len(flags) <> quality_flag_count OR quality_flags = ''
               ) = 0 AS holds,
               count(*) FILTER (quality_flag_count > 0) AS products_with_flags
        FROM flagged
        """,
    ),
    Claim(
        "most_sales_have_a_price_of_this_quarter",
        "Where much is sold without a known price, the price columns say little.",
        """
        SELECT coalesce(priced / nullif(sales, 0), 1) >= 0.95 AS holds,
               round(100 * priced / nullif(sales, 0), 2) AS priced_per_cent
        FROM (
            SELECT CAST(sum(revenue_91d) AS DOUBLE) AS sales,
                   coalesce(sum(CAST(revenue_91d AS DOUBLE)) FILTER (
                       NOT regexp_matches(coalesce(quality_flags, ''), 'no_price|price_is_old')
                   ), 0) AS priced
            FROM curated.product_360 WHERE NOT is_fuel
        )
        """,
        blocking=False,
    ),
)
