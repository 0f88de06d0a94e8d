"""Reads a refund bill and our refunds, joins them by number and counts what differs.

    python reconcile.py polars|pandas sqlite|csv BILL REFUNDS

What `tuikuan bench reconcile` is held against. It reads only the columns it compares, checks no
sum, no hash and no line, and holds both sides in memory. The last line of stdout is JSON.
"""

import json
import resource
import sqlite3
import sys
import time

NUMBER, AMOUNT, STATUS = "商户退款单号", "申请退款金额", "退款状态"
QUERY = """SELECT out_refund_no, amount, status FROM refunds"""


def with_polars(source, bill, refunds):
    import polars as pl

    begun = time.perf_counter()
    lines = pl.read_csv(
        bill,
        columns=[NUMBER, AMOUNT, STATUS],
        infer_schema=False,
        quote_char=None,
        truncate_ragged_lines=True,
    )
    # The two lines of the summary are shorter than the others.
    lines = lines.filter(pl.col(AMOUNT).is_not_null()).select(
        pl.col(NUMBER).str.strip_prefix("`").alias("number"),
        pl.col(AMOUNT).str.strip_prefix("`").str.replace(".", "", literal=True).cast(pl.Int64).alias("bill"),
        pl.col(STATUS).str.strip_prefix("`").alias("state"),
    )
    if source == "sqlite":
        with sqlite3.connect(refunds) as base:
            ours = pl.read_database(QUERY, base)
    else:
        ours = pl.read_csv(refunds)
    both = lines.join(ours, left_on="number", right_on="out_refund_no", how="full")
    same = (pl.col("bill") == pl.col("amount")) & (
        (pl.col("state") == "SUCCESS") & (pl.col("status") == "succeeded")
    )
    differ = both.filter(~same.fill_null(False)).height
    return time.perf_counter() - begun, differ


def with_pandas(source, bill, refunds):
    import pandas as pd

    begun = time.perf_counter()
    lines = pd.read_csv(bill, usecols=[NUMBER, AMOUNT, STATUS], dtype=str, encoding="utf-8-sig")
    lines = lines[lines[AMOUNT].notna()]
    lines = pd.DataFrame(
        {
            "number": lines[NUMBER].str.removeprefix("`"),
            "bill": lines[AMOUNT].str.removeprefix("`").str.replace(".", "", regex=False).astype("int64"),
            "state": lines[STATUS].str.removeprefix("`"),
        }
    )
    if source == "sqlite":
        with sqlite3.connect(refunds) as base:
            ours = pd.read_sql_query(QUERY, base)
    else:
        ours = pd.read_csv(refunds)
    both = lines.merge(ours, left_on="number", right_on="out_refund_no", how="outer")
    same = (both["bill"] == both["amount"]) & (both["state"] == "SUCCESS") & (both["status"] == "succeeded")
    return time.perf_counter() - begun, int((~same).sum())


def main():
    library, source, bill, refunds = sys.argv[1:]
    run = {"polars": with_polars, "pandas": with_pandas}[library]
    seconds, differ = run(source, bill, refunds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "differ": differ, "rss_mb": peak}))


main()
