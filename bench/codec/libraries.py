"""What `tuikuan bench codec` is held against: the same operations with the same vectors, through the
libraries of PyPI.

    python libraries.py FOLDER_WITH_VECTORS

Keys are parsed once, and each result is compared with the vector before anything is counted. The last
line of stdout is JSON: operations a second.
"""

import base64
import json
import logging
import pathlib
import re
import sys
import time

VECTORS = pathlib.Path(sys.argv[1])
SECONDS = 1.0
AT_ONCE = 64


def vectors(name):
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def named(name, case):
    return next(one for one in vectors(name)["cases"] if one["name"] == case)


def same(found, expected, what):
    if found != expected:
        raise SystemExit(f"{what}: {found!r} is not {expected!r}")


def repeat(act):
    for _ in range(200):
        act()
    begun, count, spent = time.perf_counter(), 0, 0.0
    while spent < SECONDS:
        for _ in range(AT_ONCE):
            act()
        count += AT_ONCE
        spent = time.perf_counter() - begun
    return count / spent


def with_wechatpayv3():
    from wechatpayv3 import WeChatPay, utils

    facts, told = vectors("v3_verify"), named("v3_verify", "notification-success-pubkey")
    signing, asked = vectors("v3_sign"), named("v3_sign", "create-refund")
    der = vectors("test_keys")["keys"]["test_merchant_key"]["pkcs8_der_base64"]
    lines = "\n".join(re.findall(".{1,64}", der))
    pay = WeChatPay(
        wechatpay_type=None,
        mchid=signing["mchid"],
        private_key=lines,
        cert_serial_no=signing["serial_no"],
        appid="wx8888888888888888",
        apiv3_key=vectors("v3_gcm")["api_v3_key"],
        public_key=(VECTORS / "test_wechatpay_pubkey.pem").read_text(),
        public_key_id=facts["wechatpay_public_key"]["id"],
    )
    key = utils.load_private_key(lines)

    def opened():
        return pay.callback(told["headers"], told["body"])

    # It takes the time of the machine, so only its length can be compared.
    def signed():
        return utils.build_authorization(
            asked["url"], asked["method"], signing["mchid"], signing["serial_no"], key,
            data=asked["body"], nonce_str=asked["nonce_str"])

    same(opened()["resource"]["refund_status"], "SUCCESS", "wechatpayv3 v3 open")
    same(utils.rsa_sign(key, asked["message"]), asked["signature"], "wechatpayv3 v3 sign")
    same(len(signed()), len(asked["authorization"]), "wechatpayv3 v3 sign")
    return {"v3_open": repeat(opened), "v3_sign": repeat(signed)}


def with_wechatpy():
    from wechatpy.pay import WeChatPay
    from wechatpy.pay.utils import calculate_signature, calculate_signature_hmac

    logging.disable(logging.CRITICAL)
    case = named("v2_req_info", "success")
    hmac, md5 = named("v2_sign", "refund-request-hmac"), named("v2_sign", "refund-request-md5-default")
    number = re.search(r"out_refund_no><!\[CDATA\[([^\]]*)", case["plaintext"]).group(1)
    appid = re.search(r"appid><!\[CDATA\[([^\]]*)", case["envelope"]).group(1)
    mch_id = re.search(r"mch_id><!\[CDATA\[([^\]]*)", case["envelope"]).group(1)
    pay = WeChatPay(appid, case["api_v2_key"], mch_id)

    def opened():
        return pay.parse_refund_notify_result(case["envelope"])

    same(opened()["out_refund_no"], number, "wechatpy v2 open")
    same(calculate_signature(md5["params"], md5["key"]), md5["md5"], "wechatpy md5")
    found = calculate_signature_hmac(hmac["params"], hmac["key"])
    same(found, hmac["hmac_sha256"], "wechatpy hmac")
    return {
        "v2_open": repeat(opened),
        "v2_sign_hmac": repeat(lambda: calculate_signature_hmac(hmac["params"], hmac["key"])),
        "v2_sign_md5": repeat(lambda: calculate_signature(md5["params"], md5["key"])),
    }


results = {}
for name, measure in (("wechatpayv3", with_wechatpayv3), ("wechatpy", with_wechatpy)):
    try:
        results[name] = measure()
    except Exception as error:  # One library that does not work is no reason to lose the other.
        print(f"{name}: {error!r}", file=sys.stderr)
print(json.dumps(results))
