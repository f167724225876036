import { conformanceOf } from "./conformance.js";

conformanceOf("redis");
