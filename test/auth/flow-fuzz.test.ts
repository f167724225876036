import { expect, it } from "vitest";
import { AuthService } from "./auth-service.js";
import { FlowModel } from "./flow-model.js";
import { Inbox } from "./inbox.js";

/** Sequences of flows; `AUTH_SEQUENCES=10000` for the long round. */
const sequences = Number(process.env.AUTH_SEQUENCES ?? 100);
const flowsEach = 6;
/** Sequences that go on from each other's state, so that it grows. */
const sequencesOfWorld = 25;
const seed = Number(process.env.AUTH_SEED ?? 1);

it(
  "three users in two tenants reach no state that the model does not allow",
  async () => {
    const inbox = await Inbox.start();
    const service = await AuthService.start(inbox, { lockoutMaxAttempts: 1000 });
    const tenants = await FlowModel.settle(service);
    for (let world = 0; world * sequencesOfWorld < sequences; world++) {
      const model = await FlowModel.begin(service, seed + world, tenants);
      try {
        const left = Math.min(sequencesOfWorld, sequences - world * sequencesOfWorld);
        for (let step = 0; step < left * flowsEach; step++) await model.step();
        await model.audit();
      } catch (error) {
        const story = model.history.join("\n");
        throw new Error(`AUTH_SEED=${seed + world} AUTH_SEQUENCES=${sequencesOfWorld}\n${story}`, {
          cause: error,
        });
      }
    }
    await service.stop();
    await inbox.stop();
    expect(sequences).toBeGreaterThan(0);
  },
  60_000 + sequences * 2_000,
);
