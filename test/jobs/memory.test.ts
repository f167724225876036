import { conformanceOf } from "./conformance.js";

conformanceOf("memory");
