import assert from "node:assert/strict";
import {
  envExample,
  isOpenToAll,
  likelySlips,
  parseSettings,
  SETTINGS,
  SettingsError,
} from "../../../routes/serve/settings.ts";

const TOKEN = "a-token-of-16-char";

/** The faults that `parseSettings` reports. */
function faults(env: Record<string, string>): readonly string[] {
  try {
    parseSettings(env);
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    for (const fault of error.faults) assert.ok(error.message.includes(fault));
    return error.faults;
  }
  return [];
}

Deno.test("parseSettings() gives every default for an empty environment", () => {
  assert.deepEqual(parseSettings({}), {
    HOST: "127.0.0.1",
    PORT: 8000,
    NAMESPACE: "sluice",
    KV_PATH: "./data/sluice.kv",
    CHANNELS: {
      celery: 16,
      high_priority: 4,
      default: 4,
      low_priority: 4,
      scheduled: 4,
      ml_service: 1,
      email_service: 1,
      "test-queue": 1,
    },
    POOL: "slots",
    THREADS: "auto",
    RESULT_TTL: 86400,
    IDEMPOTENCY_TTL: 3600,
    SHUTDOWN_GRACE: 30,
    WORKER_LOST_AFTER: 15,
    DEMO_TIME_SCALE: 1,
    SPAM_MODEL: null,
    API_TOKEN: null,
    ALLOWED_HOSTS: null,
    CORS_ORIGINS: null,
    TICK_TOKEN: null,
    ALLOW_ANONYMOUS: false,
    DEMO: true,
    SMTP_HOST: null,
    SMTP_PORT: 587,
    SMTP_SECURITY: "starttls",
    SMTP_USER: null,
    SMTP_PASSWORD: null,
    SMTP_FROM: null,
    SMTP_TIMEOUT: 10,
    SMTP_CA_FILE: null,
    LOG_LEVEL: "info",
    LOG_FORMAT: "auto",
  });
});

Deno.test("parseSettings() takes an empty text for not set, and leaves others' variables alone", () => {
  assert.deepEqual(parseSettings({ PORT: "", API_TOKEN: "", HOME: "/root" }), parseSettings({}));
});

Deno.test("parseSettings() reads every setting", () => {
  const settings = parseSettings({
    HOST: "0.0.0.0",
    PORT: "0",
    NAMESPACE: "two",
    KV_PATH: "/srv/sluice.kv",
    CHANNELS: " celery=2, low-priority=1 ",
    POOL: "solo",
    THREADS: "0",
    SHUTDOWN_GRACE: "0.3",
    DEMO_TIME_SCALE: "0",
    SPAM_MODEL: "/srv/model.json",
    API_TOKEN: TOKEN,
    DEMO: "off",
    SMTP_FROM: "Shop <app@shop.example>",
    LOG_LEVEL: "debug",
    LOG_FORMAT: "json",
  });
  assert.equal(settings.SMTP_FROM, "Shop <app@shop.example>");
  assert.deepEqual(settings.CHANNELS, { celery: 2, "low-priority": 1 });
  assert.deepEqual([settings.SHUTDOWN_GRACE, settings.DEMO_TIME_SCALE, settings.DEMO], [0.3, 0, false]);
  assert.deepEqual([settings.POOL, settings.THREADS], ["solo", 0]);
  assert.equal(settings.SPAM_MODEL, "/srv/model.json");
  assert.deepEqual(parseSettings({ CHANNELS: "none" }).CHANNELS, {});
});

const WRONG: Record<keyof typeof SETTINGS, string[]> = {
  HOST: ["a b", "http://x"],
  PORT: ["x", "-1", "65536", "80.5", "0x50", "1e3", " 80"],
  NAMESPACE: ["a b", "a/b", "é"],
  KV_PATH: ["http://", "https://", "ftp://kv.example/db"],
  CHANNELS: ["celery", "celery=", "celery=0", "celery=x", "a=1,,b=1", "a=1,a=2", "none,a=1", "a=10000"],
  POOL: ["inline", "Solo"],
  THREADS: ["-1", "1.5", "1000", "all"],
  RESULT_TTL: ["0", "-1", "1d"],
  IDEMPOTENCY_TTL: ["0", "x"],
  SHUTDOWN_GRACE: ["-1", "x"],
  WORKER_LOST_AFTER: ["1", "x"],
  DEMO_TIME_SCALE: ["-1", "x", "1001"],
  SPAM_MODEL: ["/srv/", "model.csv"],
  API_TOKEN: ["short", "sixteen letters and a blank"],
  TICK_TOKEN: ["short"],
  ALLOW_ANONYMOUS: ["yes", "TRUE", "1", "constructor"],
  ALLOWED_HOSTS: ["a b", "http://x", "x:80", "a,,b"],
  CORS_ORIGINS: ["shop.example", "https://shop.example/", "*", "https://a,b"],
  DEMO: ["true", "no"],
  SMTP_HOST: ["mail server", "smtp://mail", "mail:25"],
  SMTP_PORT: ["0", "x"],
  SMTP_SECURITY: ["ssl", "yes"],
  SMTP_USER: ["x".repeat(501)],
  SMTP_PASSWORD: ["x".repeat(501)],
  SMTP_FROM: ["app", "a@b c", "a@b\nBcc: c@d", "Shop\n <a@b>", "Shop <a@b>\n", "a@b, c@d", "Shop a@b"],
  SMTP_TIMEOUT: ["0", "61"],
  SMTP_CA_FILE: [],
  LOG_LEVEL: ["trace", "INFO"],
  LOG_FORMAT: ["xml"],
};

for (const [name, values] of Object.entries(WRONG)) {
  Deno.test(`parseSettings() refuses a wrong ${name}, and says what it must be`, () => {
    for (const value of values) {
      const [fault, ...more] = faults({ API_TOKEN: TOKEN, [name]: value });
      assert.deepEqual(more, [], value);
      assert.ok(fault?.startsWith(`${name} must be `), `${name}=${value}: ${fault}`);
      if (["API_TOKEN", "TICK_TOKEN", "SMTP_PASSWORD"].includes(name)) {
        assert.ok(!fault!.includes(value), "a secret leaked");
      } else assert.ok(fault!.endsWith(`: got '${value}'`), fault!);
    }
  });
}

Deno.test("parseSettings() takes origins with a token only: pages have nothing else to show", () => {
  assert.deepEqual(faults({ CORS_ORIGINS: "https://shop.example" }), [
    "CORS_ORIGINS must come with API_TOKEN",
  ]);
  const { CORS_ORIGINS } = parseSettings({ API_TOKEN: TOKEN, CORS_ORIGINS: "https://a.example,http://b:81" });
  assert.deepEqual(CORS_ORIGINS, ["https://a.example", "http://b:81"]);
});

Deno.test("parseSettings() lists every fault at once", () => {
  const found = faults({ PORT: "x", CHANNELS: "y", LOG_LEVEL: "z", HOST: "0.0.0.0" });
  assert.deepEqual(found.map((fault) => fault.split(" ")[0]), ["PORT", "CHANNELS", "LOG_LEVEL", "HOST"]);
});

Deno.test("parseSettings() refuses to be reachable by everyone without saying so", () => {
  for (const HOST of ["0.0.0.0", "::", "192.168.0.7", "sluice.example", "127.0.0.1.example"]) {
    assert.match(faults({ HOST })[0]!, /^HOST must be a loopback address unless API_TOKEN is set or /);
    assert.deepEqual(faults({ HOST, API_TOKEN: TOKEN }), []);
    assert.deepEqual(faults({ HOST, ALLOW_ANONYMOUS: "true" }), []);
  }
  for (const HOST of ["127.0.0.1", "127.8.9.10", "::1", "localhost"]) assert.deepEqual(faults({ HOST }), []);
});

Deno.test("parseSettings() has other defaults on Deno Deploy, and leaves to the program who may use it", () => {
  for (const DENO_DEPLOY of ["1", "true", ""]) {
    const { HOST, THREADS, SHUTDOWN_GRACE, ...rest } = parseSettings({ DENO_DEPLOY });
    assert.deepEqual([HOST, THREADS, SHUTDOWN_GRACE], ["0.0.0.0", 1, 3.5]);
    const { HOST: _, THREADS: __, SHUTDOWN_GRACE: ___, ...usual } = parseSettings({});
    assert.deepEqual(rest, usual);
  }
  assert.equal(parseSettings({ DENO_DEPLOY: "1", THREADS: "2" }).THREADS, 2);
  assert.equal(isOpenToAll(parseSettings({ DENO_DEPLOY: "1" })), true);
  assert.equal(isOpenToAll(parseSettings({ DENO_DEPLOY: "1", API_TOKEN: TOKEN })), false);
  assert.equal(isOpenToAll(parseSettings({ DENO_DEPLOY: "1", ALLOW_ANONYMOUS: "true" })), false);
});

Deno.test(".env.example is what the settings say; `deno eval` of envExample() makes it", async () => {
  const text = await Deno.readTextFile(new URL("../../../.env.example", import.meta.url));
  assert.equal(text, envExample());
  for (const [name, { meaning }] of Object.entries(SETTINGS)) {
    assert.ok(text.includes(name) && text.includes(meaning));
  }
});

Deno.test("a name that looks like the slip of a setting that is not set is found; the names of other programs are not", () => {
  const others = {
    HOME: "/",
    HOSTNAME: "a",
    PATH: "/bin",
    LOGNAME: "a",
    USER: "a",
    SHELL: "sh",
    TERM: "x",
    PWD: "/",
    LANG: "C",
  };
  assert.deepEqual(likelySlips({ ...others, CHANNELS: "celery=1", CHANELLS: "celery=1" }), []);
  assert.deepEqual(likelySlips({ ...others, CHANELS: "celery=1", API_TOKN: "x", kv_path: "x" }), [
    "There is no setting 'CHANELS': did you mean CHANNELS?",
    "There is no setting 'API_TOKN': did you mean API_TOKEN?",
    "There is no setting 'kv_path': did you mean KV_PATH?",
  ]);
});
