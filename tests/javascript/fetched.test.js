// A model that is fetched in half precision is the one that torch has.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBytes } from "../../pages/ui/components/shared/bytes.js";
import { fetched } from "../../pages/ui/components/shared/fetched.js";
import { reconstruct } from "../../pages/ui/components/shared/vqvae.js";
import { bytesOf, floatsOf } from "../../pages/ui/components/shared/wire.js";
import { reference } from "./reference.js";

const { packed, of } = reference.fetched;
const address = `data:application/json;base64,${packed}`;

test("a rung that is fetched gives torch's codes and reconstruction", async () => {
  const { network } = await fetched(address);
  const [pixels, margins, drawn] = [
    bytesOf(of.pixels),
    new Float64Array(bytesOf(of.margins).buffer),
    floatsOf(of.drawn),
  ];
  const codes = new Int32Array(bytesOf(of.codes).buffer);
  const size = network.image.height * network.image.width * network.image.channels;
  const cells = network.grid.height * network.grid.width;
  let compared = 0;
  for (let n = 0; n < pixels.length / size; n++) {
    const found = reconstruct(network, fromBytes(pixels.subarray(n * size, (n + 1) * size)));
    const others = [...found.codes.keys()].filter((cell) => found.codes[cell] !== codes[n * cells + cell]);
    for (const cell of others) assert.ok(margins[n * cells + cell] < 1e-5, "another code where there is no tie");
    if (others.length) continue;
    compared++;
    found.pixels.forEach((value, i) => {
      assert.ok(Math.abs(value - drawn[n * size + i]) <= 1 / 255);
    });
  }
  assert.ok(compared > 0);
});

test("a model is fetched once, and again where that failed", async () => {
  assert.equal(fetched(address), fetched(address));
  const nowhere = "data:application/json,{}";
  const first = fetched(nowhere);
  await assert.rejects(first);
  assert.notEqual(fetched(nowhere), first);
  await assert.rejects(fetched(nowhere));
});
