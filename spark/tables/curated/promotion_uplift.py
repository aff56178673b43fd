"""What promoted weeks of a product sold against its other weeks, by kind of promotion."""

from __future__ import annotations

from spark.tables.model import Column, Table

ANY, DISPLAY, MAILER = "any", "display", "mailer"

PROMOTION_UPLIFT = Table(
    zone="curated",
    name="promotion_uplift",
    doc="How much more of a product was sold in weeks with a promotion than in its weeks without "
    "any, against what its department sold in the same weeks: an association and not an effect. A "
    "week of a promotion is one in which any store had it; a week without a sale counts as none "
    "sold, from the week of the first sale on, within the last 52 closed weeks.",
    grain="one row per product and kind of promotion that it had, as of one day",
    owner="pricing",
    key=("product_id", "promotion_kind"),
    columns=(
        Column("product_id", "bigint", "Product.", nullable=False),
        Column(
            "promotion_kind",
            "string",
            "display, mailer, or any: either of them.",
            nullable=False,
        ),
        Column("as_of_date", "date", "Last business day that counts.", nullable=False),
        Column(
            "status",
            "string",
            "estimated, or why there is no uplift. sold_by_volume: fuel, which counts no pieces. "
            "never_sold: not sold in any closed week. too_few_promoted_weeks, too_few_other_weeks: "
            "fewer than four of the kind. not_sold_otherwise: nothing was sold in weeks without a "
            "promotion. no_comparison: nothing else of its department was sold in those weeks.",
            nullable=False,
        ),
        Column("promoted_weeks", "bigint", "Weeks with the promotion.", nullable=False),
        Column("other_weeks", "bigint", "Weeks without any promotion.", nullable=False),
        Column("promoted_units", "bigint", "Pieces sold in weeks with it; null for fuel."),
        Column("other_units", "bigint", "Pieces sold in weeks without any; null for fuel."),
        Column(
            "department_promoted_units",
            "bigint",
            "Pieces of everything else in its department sold in weeks with it.",
        ),
        Column(
            "department_other_units",
            "bigint",
            "Pieces of everything else in its department sold in weeks without any.",
        ),
        Column(
            "uplift",
            "double",
            "promoted_units per department_promoted_units, over other_units per "
            "department_other_units, less 1: what is left when its department's busy and quiet "
            "weeks are taken out.",
        ),
        Column(
            "uplift_unadjusted",
            "double",
            "Mean pieces of a week with it over those of a week without any, less 1: the weeks as "
            "they came, Christmas included.",
        ),
        Column(
            "expected_units",
            "double",
            "Pieces that the promoted weeks would have sold at the usual share of its department.",
        ),
        Column(
            "standard_error",
            "double",
            "Of ln(1 + uplift_unadjusted), from how much weeks of one kind differ. 1 + uplift "
            "lies within a factor of e to the power of twice this, in 19 cases of 20; null when "
            "nothing was sold in weeks with it.",
        ),
    ),
)
