// What `tuikuan bench codec` is held against: the same operations with the same vectors, through the
// libraries of npm.
//
//     node libraries.cjs FOLDER_WITH_NODE_MODULES FOLDER_WITH_VECTORS
//
// Every library gets its keys as objects where it takes them, parsed once, and each result is compared
// with the vector before anything is counted. The last line of stdout is JSON: operations a second.

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [modules, vectors] = process.argv.slice(2);
const from = createRequire(path.join(path.resolve(modules), 'x.js'));
const { Aes, Hash, Rsa, Transformer, Formatter } = from('wechatpay-axios-plugin');
const { AesGcm, AesEcb } = Aes;
const Tenpay = from('tenpay');
const PayV3 = from('wechatpay-node-v3');

const SECONDS = 1;
const AT_ONCE = 64;

const set = (name) => JSON.parse(fs.readFileSync(path.join(vectors, `${name}.json`), 'utf8'));
const named = (cases, name) => cases.find((one) => one.name === name);
const same = (found, expected, what) => {
  if (found !== expected) throw new Error(`${what}: ${found} is not ${expected}`);
};

async function repeat(act) {
  for (let i = 0; i < 2000; i += 1) await act();
  const began = process.hrtime.bigint();
  let count = 0;
  let spent = 0;
  while (spent < SECONDS) {
    for (let i = 0; i < AT_ONCE; i += 1) {
      const result = act();
      if (result instanceof Promise) await result;
    }
    count += AT_ONCE;
    spent = Number(process.hrtime.bigint() - began) / 1e9;
  }
  return count / spent;
}

async function main() {
  const opened = named(set('v2_req_info').cases, 'success');
  const hmac = named(set('v2_sign').cases, 'refund-request-hmac');
  const md5 = named(set('v2_sign').cases, 'refund-request-md5-default');
  const told = named(set('v3_verify').cases, 'notification-success-pubkey');
  const asked = named(set('v3_sign').cases, 'create-refund');
  const facts = set('v3_sign');
  const apiV3Key = set('v3_gcm').api_v3_key;
  const number = opened.plaintext.match(/out_refund_no><!\[CDATA\[([^\]]*)/)[1];
  const der = set('test_keys').keys.test_merchant_key.pkcs8_der_base64;
  const privatePem = `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g).join('\n')}\n-----END PRIVATE KEY-----\n`;
  const publicPem = fs.readFileSync(path.join(vectors, 'test_wechatpay_pubkey.pem'));
  const h = told.headers;
  const results = {};

  // wechatpay-axios-plugin
  const privateKey = Rsa.from(privatePem, Rsa.KEY_TYPE_PRIVATE);
  const publicKey = Rsa.from(publicPem, Rsa.KEY_TYPE_PUBLIC);
  const open2 = () => {
    const envelope = Transformer.toObject(opened.envelope);
    return Transformer.toObject(AesEcb.decrypt(envelope.req_info, Hash.md5(opened.api_v2_key)));
  };
  const open3 = () => {
    const message = Formatter.response(h['Wechatpay-Timestamp'], h['Wechatpay-Nonce'], told.body);
    if (!Rsa.verify(message, h['Wechatpay-Signature'], publicKey)) throw new Error('signature');
    const { resource } = JSON.parse(told.body);
    return JSON.parse(AesGcm.decrypt(resource.ciphertext, apiV3Key, resource.nonce, resource.associated_data));
  };
  const sign3 = () => {
    const message = Formatter.request(asked.method, asked.url, asked.timestamp, asked.nonce_str, asked.body);
    const signature = Rsa.sign(message, privateKey);
    return Formatter.authorization(facts.mchid, asked.nonce_str, signature, asked.timestamp, facts.serial_no);
  };
  same(open2().out_refund_no, number, 'axios-plugin v2 open');
  same(Hash.sign('HMAC-SHA256', hmac.params, hmac.key), hmac.hmac_sha256, 'axios-plugin hmac');
  same(Hash.sign('MD5', md5.params, md5.key), md5.md5, 'axios-plugin md5');
  same(open3().refund_status, 'SUCCESS', 'axios-plugin v3 open');
  same(sign3().includes(asked.signature), true, 'axios-plugin v3 sign');
  results['wechatpay-axios-plugin'] = {
    v2_open: await repeat(open2),
    v2_sign_hmac: await repeat(() => Hash.sign('HMAC-SHA256', hmac.params, hmac.key)),
    v2_sign_md5: await repeat(() => Hash.sign('MD5', md5.params, md5.key)),
    v3_open: await repeat(open3),
    v3_sign: await repeat(sign3),
  };

  // tenpay: v2 only
  const appid = opened.envelope.match(/appid><!\[CDATA\[([^\]]*)/)[1];
  const mchid = opened.envelope.match(/mch_id><!\[CDATA\[([^\]]*)/)[1];
  const tenpay = (key) => new Tenpay({ appid, mchid, partnerKey: key });
  const receiver = tenpay(opened.api_v2_key);
  const signers = [tenpay(hmac.key), tenpay(md5.key)];
  same((await receiver._parse(opened.envelope, 'middleware_refund')).req_info.out_refund_no, number, 'tenpay v2 open');
  same(signers[0]._getSign(hmac.params, 'HMAC-SHA256'), hmac.hmac_sha256, 'tenpay hmac');
  same(signers[1]._getSign(md5.params, 'MD5'), md5.md5, 'tenpay md5');
  results.tenpay = {
    v2_open: await repeat(() => receiver._parse(opened.envelope, 'middleware_refund')),
    v2_sign_hmac: await repeat(() => signers[0]._getSign(hmac.params, 'HMAC-SHA256')),
    v2_sign_md5: await repeat(() => signers[1]._getSign(md5.params, 'MD5')),
  };

  // wechatpay-node-v3: v3 only. It keeps what it trusts by serial.
  PayV3.certificates = { [h['Wechatpay-Serial']]: crypto.createPublicKey(publicPem) };
  const certificate = fs.readFileSync(path.join(vectors, 'test_merchant_cert.pem'));
  const pay = new PayV3({
    appid, mchid: facts.mchid, serial_no: facts.serial_no, key: apiV3Key,
    publicKey: certificate, privateKey: Buffer.from(privatePem),
  });
  const verified = {
    timestamp: h['Wechatpay-Timestamp'], nonce: h['Wechatpay-Nonce'], body: told.body,
    serial: h['Wechatpay-Serial'], signature: h['Wechatpay-Signature'], apiSecret: apiV3Key,
  };
  const nodeOpen = async () => {
    if (!(await pay.verifySign(verified))) throw new Error('signature');
    const { resource } = JSON.parse(told.body);
    return pay.decipher_gcm(resource.ciphertext, resource.associated_data, resource.nonce, apiV3Key);
  };
  const nodeSign = () => {
    const signature = pay.getSignature(asked.method, asked.nonce_str, asked.timestamp, asked.url, asked.body);
    return pay.getAuthorization(asked.nonce_str, asked.timestamp, signature);
  };
  same((await nodeOpen()).refund_status, 'SUCCESS', 'node-v3 v3 open');
  same(nodeSign().includes(asked.signature), true, 'node-v3 v3 sign');
  results['wechatpay-node-v3'] = { v3_open: await repeat(nodeOpen), v3_sign: await repeat(nodeSign) };

  console.log(JSON.stringify(results));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
