#!/usr/bin/env python3
"""Holds `tuikuan bench codec` against the libraries of npm and PyPI: installs them into a temporary
folder, gives all of them the same messages, and prints a table.

    cargo build --release -p tuikuan
    python3 bench/codec/run.py [--tuikuan target/release/tuikuan] [--libraries FOLDER]

It wants node, npm and python3 with venv; with --libraries it takes what an earlier run left in that folder.
Everything runs on one core, one after the other. The goals: at least 10 times the best library for v2, at
least as fast for v3, where RSA is what everybody waits for. `floor` is the cryptography of the operation
alone, and `most` what that would be beside the best library: where it is below the goal, no codec around
this cryptography reaches the goal.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VECTORS = ROOT / "crates/wechat/tests/vectors"
NPM = ["wechatpay-axios-plugin@0.9.6", "tenpay@2.1.18", "wechatpay-node-v3@2.2.1"]
PYPI = ["wechatpayv3==2.0.4", "wechatpy==1.8.18", "cryptography==50.0.2"]
OPERATIONS = {
    "v2_open": ("v2 decrypt + parse", 10.0),
    "v2_sign_hmac": ("v2 sign, HMAC-SHA256", 10.0),
    "v2_sign_md5": ("v2 sign, MD5", 10.0),
    "v3_open": ("v3 verify + decrypt", 1.0),
    "v3_sign": ("v3 sign", 1.0),
}


def last_line(*command):
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def install(folder):
    if (pathlib.Path(folder) / "venv").exists():
        return
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, *NPM], check=True)
    subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
    subprocess.run([f"{folder}/venv/bin/pip", "install", "--quiet", *PYPI], check=True)


def measured(tuikuan, folder):
    found = last_line("node", HERE / "libraries.cjs", folder, VECTORS)
    found.update(last_line(f"{folder}/venv/bin/python", HERE / "libraries.py", VECTORS))
    return last_line(tuikuan, "bench", "codec", "--json"), found


def table(ours, libraries):
    rows = {}
    print(f"{'operations a second':<24}{'tuikuan':>12}{'floor':>12}"
          + "".join(f"{name:>24}" for name in libraries) + f"{'ratio':>8}{'most':>8}{'goal':>7}")
    for name, (words, goal) in OPERATIONS.items():
        figure, floor = ours[f"{name}_per_s"], ours[f"{name}_floor_per_s"]
        others = {library: all_[name] for library, all_ in libraries.items() if name in all_}
        best = max(others.values())
        cells = "".join(f"{others[library]:>24,.0f}" if library in others else f"{'-':>24}" for library in libraries)
        print(f"{words:<24}{figure:>12,.0f}{floor:>12,.0f}{cells}{figure / best:>8.2f}{floor / best:>8.2f}{goal:>7.1f}")
        rows[name] = {"tuikuan": figure, "floor": floor, **others,
                      "ratio": round(figure / best, 3), "most": round(floor / best, 3), "goal": goal}
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tuikuan", default=str(ROOT / "target/release/tuikuan"))
    parser.add_argument("--libraries")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.libraries or temporary
        install(folder)
        rows = table(*measured(options.tuikuan, folder))
    short = [OPERATIONS[name][0] for name, row in rows.items() if row["ratio"] < row["goal"]]
    if short:
        print("below the goal: " + ", ".join(short))
    print(json.dumps({"bench": "codec_libraries", "operations": rows}))


if __name__ == "__main__":
    main()
