import { createHmac, randomBytes } from "node:crypto";
import { Webhook as StandardWebhook } from "standardwebhooks";
import Stripe from "stripe";
import {
  githubSignature,
  plainSignature,
  SignatureError,
  type SignatureScheme,
  type SignedRequest,
  signStandard,
  slackSignature,
  standardWebhooks,
  stripeSignature,
} from "svc-infra/webhooks";
import { Webhook as SvixWebhook } from "svix";
import { describe, expect, it } from "vitest";

/** The vector that the specification's own libraries are tested with. */
const vector = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  seconds: 1614265330,
  body: '{"test": 2432232314}',
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

const now = vector.seconds * 1000;
const sentAt = new Date(now);
const body = Buffer.from(vector.body);

function newSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

function hex(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("hex");
}

describe("Standard Webhooks", () => {
  it("the published vector is signed and verified", async () => {
    const headers = signStandard({ id: vector.id, sentAt, body }, [vector.secret]);
    expect(headers).toEqual({
      "webhook-id": vector.id,
      "webhook-timestamp": String(vector.seconds),
      "webhook-signature": vector.signature,
    });
    expect(await standardWebhooks(vector.secret).verify({ headers, body, now })).toEqual({
      id: vector.id,
      sentAt,
    });
  });

  it("what is signed here is verified by the libraries of the specification and of Svix", () => {
    const secret = newSecret();
    const headers = signStandard({ id: "msg_1", sentAt: new Date(), body }, [secret]);
    expect(new StandardWebhook(secret).verify(vector.body, headers)).toEqual({ test: 2432232314 });
    expect(new SvixWebhook(secret).verify(vector.body, headers)).toEqual({ test: 2432232314 });
  });

  it("what those libraries sign is verified here", async () => {
    const secret = newSecret();
    const at = new Date();
    for (const library of [new StandardWebhook(secret), new SvixWebhook(secret)]) {
      const headers = {
        "webhook-id": "msg_2",
        "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
        "webhook-signature": library.sign("msg_2", at, vector.body),
      };
      const verified = await standardWebhooks(secret).verify({ headers, body, now: at.getTime() });
      expect(verified.id).toBe("msg_2");
    }
  });

  it("either secret verifies while one replaces the other, and the old one fails after it", async () => {
    const [old, fresh] = [newSecret(), newSecret()];
    const headers = signStandard({ id: "msg_3", sentAt, body }, [fresh, old]);
    for (const secret of [old, fresh, [old, fresh], () => [fresh, old], async () => old]) {
      expect((await standardWebhooks(secret).verify({ headers, body, now })).id).toBe("msg_3");
    }
    const later = signStandard({ id: "msg_3", sentAt, body }, [fresh]);
    await expect(standardWebhooks(old).verify({ headers: later, body, now })).rejects.toThrow(SignatureError);
  });

  it("another spelling of the same signature is refused: the last character has two spare bits", async () => {
    const headers = signStandard({ id: vector.id, sentAt, body }, [vector.secret]);
    const spellings = ["F", "G", "H"].map((last) => vector.signature.replace(/E=$/, `${last}=`));
    for (const spelling of spellings) {
      const altered = { ...headers, "webhook-signature": spelling };
      await expect(standardWebhooks(vector.secret).verify({ headers: altered, body, now })).rejects.toThrow(
        SignatureError,
      );
    }
  });

  it("a message with an id that holds a dot is not signed, as another could be made of it", () => {
    expect(() => signStandard({ id: "a.b", sentAt, body }, [vector.secret])).toThrow(TypeError);
  });

  it.each(["secret", "whsec_", "whsec_c2hvcnQ=", `whsec_${"A".repeat(120)}`])(
    "the secret %s is refused, as it is no base64 of 24 to 64 bytes",
    async (secret) => {
      expect(() => signStandard({ id: "a", sentAt, body }, [secret])).toThrow(/24 to 64 bytes/);
    },
  );
});

interface Signed {
  readonly scheme: SignatureScheme;
  readonly headers: Record<string, string>;
}

const schemes: Record<string, Signed> = {
  standard: {
    scheme: standardWebhooks(vector.secret),
    headers: signStandard({ id: vector.id, sentAt, body }, [vector.secret]),
  },
  stripe: {
    scheme: stripeSignature("whsec_stripe"),
    headers: {
      "stripe-signature": new Stripe("sk_test_x").webhooks.generateTestHeaderString({
        payload: vector.body,
        secret: "whsec_stripe",
        timestamp: vector.seconds,
      }),
    },
  },
  slack: {
    scheme: slackSignature("slack"),
    headers: {
      "x-slack-request-timestamp": String(vector.seconds),
      "x-slack-signature": `v0=${hex("slack", `v0:${vector.seconds}:${vector.body}`)}`,
    },
  },
  github: {
    scheme: githubSignature("github"),
    headers: {
      "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
      "x-hub-signature-256": `sha256=${hex("github", vector.body)}`,
    },
  },
  plain: {
    scheme: plainSignature("plain"),
    headers: { "x-webhook-signature": `sha256=${hex("plain", vector.body)}` },
  },
};

describe.each(Object.entries(schemes))("the scheme %s", (_name, { scheme, headers }) => {
  const verify = (changed: Partial<SignedRequest>) => scheme.verify({ headers, body, now, ...changed });

  it("verifies what its sender signs", async () => {
    await expect(verify({})).resolves.toBeDefined();
  });

  it.each(scheme.fields)("refuses a request without %s", async (field) => {
    const { [field]: _left, ...rest } = headers;
    await expect(verify({ headers: rest })).rejects.toThrow(SignatureError);
  });

  it("refuses any other content", async () => {
    for (let index = 0; index < body.byteLength; index += 1) {
      const altered = Buffer.from(body);
      altered[index] = (altered[index] ?? 0) ^ 1;
      await expect(verify({ body: altered })).rejects.toThrow(SignatureError);
    }
    await expect(verify({ body: Buffer.concat([body, Buffer.from(" ")]) })).rejects.toThrow(SignatureError);
    await expect(verify({ body: body.subarray(1) })).rejects.toThrow(SignatureError);
  });

  it("refuses every request of which a signed field or the content was changed", async () => {
    const unsigned = new Set(["x-github-delivery"]);
    let refused = 0;
    for (let round = 0; round < 2500; round += 1) {
      const mutated = mutate(headers, body, unsigned);
      if (mutated === undefined) continue;
      await expect(scheme.verify({ ...mutated, now })).rejects.toThrow(SignatureError);
      refused += 1;
    }
    expect(refused).toBeGreaterThanOrEqual(2000);
  });
});

it.each([", ", ",,", ", v0=1,", ",v0,", ",=,"])(
  "a signature of Stripe whose items are divided by '%s' is refused",
  async (between) => {
    const { scheme, headers } = schemes.stripe ?? fail("stripe");
    const altered = String(headers["stripe-signature"]).replace(",", between);
    const verifying = scheme.verify({ headers: { "stripe-signature": altered }, body, now });
    await expect(verifying).rejects.toThrow(SignatureError);
  },
);

it("while secrets are rotated, a message has one id, whichever of its signatures a replay leaves out", async () => {
  const at = `t=${vector.seconds}`;
  const [old, fresh] = ["old", "new"].map(
    (secret) => `v1=${hex(secret, `${vector.seconds}.${vector.body}`)}`,
  );
  const scheme = stripeSignature(["new", "old"]);
  const ids = await Promise.all(
    [`${at},${old},${fresh}`, `${at},${old}`, `${at},${fresh}`].map(
      async (field) => (await scheme.verify({ headers: { "stripe-signature": field }, body, now })).id,
    ),
  );
  expect(new Set(ids).size).toBe(1);
});

it.each(["standard", "stripe", "slack"])(
  "the scheme %s refuses an old and a future timestamp",
  async (name) => {
    const { scheme, headers } = schemes[name] ?? fail(name);
    for (const seconds of [301, -301]) {
      const verifying = scheme.verify({ headers, body, now: now + seconds * 1000 });
      await expect(verifying).rejects.toThrow(/too old|future/);
    }
    await expect(scheme.verify({ headers, body, now: now + 299_000 })).resolves.toBeDefined();
  },
);

function fail(name: string): never {
  throw new Error(`there is no scheme ${name}`);
}

/** One random change of one field or of the content; `undefined` when it changed nothing. */
function mutate(headers: Record<string, string>, content: Buffer, unsigned: ReadonlySet<string>) {
  const names = Object.keys(headers).filter((name) => !unsigned.has(name));
  const pick = Math.floor(Math.random() * (names.length + 1));
  const name = names[pick];
  if (name === undefined) {
    const changed = changeOne(content);
    return changed.equals(content) ? undefined : { headers, body: changed };
  }
  const text = headers[name] ?? "";
  const changed = changeOne(Buffer.from(text)).toString("latin1");
  // Space around a field is no part of it.
  return changed === text || changed.trim() === text
    ? undefined
    : { headers: { ...headers, [name]: changed }, body: content };
}

function changeOne(bytes: Buffer): Buffer {
  const at = Math.floor(Math.random() * bytes.byteLength);
  const kind = Math.floor(Math.random() * 3);
  const random = randomBytes(1);
  if (kind === 0) return Buffer.concat([bytes.subarray(0, at), random, bytes.subarray(at + 1)]);
  if (kind === 1) return Buffer.concat([bytes.subarray(0, at), random, bytes.subarray(at)]);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
}
