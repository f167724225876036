import { describe } from "vitest";
import { refuseAttacks } from "./attacks.js";

describe("a service on a laptop refuses", () => {
  refuseAttacks(async () => ({}));
});
