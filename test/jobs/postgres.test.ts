import { conformanceOf } from "./conformance.js";

conformanceOf("postgres");
