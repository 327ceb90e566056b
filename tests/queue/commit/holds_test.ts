import assert from "node:assert/strict";
import fc from "fast-check";
import { Holds } from "../../../queue/commit/holds.ts";
import { keyId } from "../../../queue/store/key_id.ts";
import { del, type Unit } from "../../../queue/rows/unit.ts";

interface Named {
  readonly unit: Unit;
  readonly checks: string[];
  readonly mutations: string[];
}

/** A unit that checks keys at versionstamps and mutates others. */
function unit(checks: Record<string, string | null>, mutations: readonly string[]): Named {
  const list = Object.entries(checks).map(([key, versionstamp]) => ({ key: [key], versionstamp }));
  return {
    unit: { checks: list, mutations: mutations.map((key) => del([key])) },
    checks: list.map(({ key }) => keyId(key)),
    mutations: mutations.map((key) => keyId([key])),
  };
}

const allows = (holds: Holds, { unit, checks, mutations }: Named) => holds.allow(unit, checks, mutations);
const add = (holds: Holds, { unit, checks, mutations }: Named) => holds.add(unit, checks, mutations);
const remove = (holds: Holds, { checks, mutations }: Named) => holds.remove(checks, mutations);

Deno.test("two units conflict if one mutates what the other checks or mutates, or they expect different versions", () => {
  const cases: [first: Named, second: Named, together: boolean][] = [
    [unit({}, ["a"]), unit({}, ["b"]), true],
    [unit({}, ["a"]), unit({}, ["a"]), false],
    [unit({ a: "1" }, []), unit({}, ["a"]), false],
    [unit({}, ["a"]), unit({ a: "1" }, []), false],
    [unit({ a: "1" }, ["b"]), unit({ a: "1" }, ["c"]), true],
    [unit({ a: "1" }, ["b"]), unit({ a: "2" }, ["c"]), false],
    [unit({ a: null }, []), unit({ a: "1" }, []), false],
    [unit({ a: null }, []), unit({ a: null }, []), true],
    [unit({ a: "1" }, ["a"]), unit({ b: "1" }, ["b"]), true],
  ];
  for (const [first, second, expected] of cases) {
    for (const [one, other] of [[first, second], [second, first]] as const) {
      const holds = new Holds();
      add(holds, one);
      assert.equal(allows(holds, other), expected, JSON.stringify([one, other]));
      remove(holds, one);
      assert(allows(holds, other));
    }
  }
});

Deno.test("a key is held until the last unit that checks it has let go", () => {
  const holds = new Holds();
  const [a, b] = [unit({ k: "1" }, []), unit({ k: "1" }, [])];
  add(holds, a);
  add(holds, b);
  remove(holds, a);
  assert(!allows(holds, unit({}, ["k"])));
  remove(holds, b);
  assert(allows(holds, unit({}, ["k"])));
});

Deno.test("a unit that has to wait keeps later ones from its keys, until it is taken back", () => {
  const holds = new Holds();
  const waits = unit({ a: "1" }, ["b"]);
  holds.block(waits.checks, waits.mutations);
  assert(!allows(holds, unit({ a: "1" }, [])));
  assert(!allows(holds, unit({}, ["b"])));
  assert(allows(holds, unit({ c: null }, ["d"])));
  holds.unblock(waits.checks, waits.mutations);
  assert(allows(holds, unit({ a: "1" }, ["b"])));
});

Deno.test("units that hold their keys together never conflict, whatever was held and let go before", () => {
  const key = fc.constantFrom("a", "b", "c", "d");
  const units = fc.record({
    checks: fc.dictionary(key, fc.constantFrom("1", "2", null), { maxKeys: 3 }),
    mutations: fc.uniqueArray(key, { maxLength: 3 }),
  });
  fc.assert(fc.property(fc.array(fc.tuple(units, fc.nat(9))), (list) => {
    const holds = new Holds();
    let held: { named: Named; checks: Record<string, string | null>; mutations: string[] }[] = [];
    for (const [{ checks, mutations }, leaving] of list) {
      const named = unit(checks, mutations);
      const conflict = held.some((other) =>
        mutations.some((k) => other.mutations.includes(k) || k in other.checks) ||
        Object.keys(checks).some((k) => other.mutations.includes(k)) ||
        Object.entries(checks).some(([k, v]) => k in other.checks && other.checks[k] !== v)
      );
      assert.equal(allows(holds, named), !conflict);
      if (!conflict) {
        add(holds, named);
        held.push({ named, checks, mutations });
      }
      const leaver = held[leaving];
      if (leaver) {
        remove(holds, leaver.named);
        held = held.filter((other) => other !== leaver);
      }
    }
  }));
});
