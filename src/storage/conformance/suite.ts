import type { ConformanceCase } from "./case.js";
import { abortCases } from "./cases/abort.js";
import { conditionCases, inabilityCases } from "./cases/condition.js";
import { copyCases } from "./cases/copy.js";
import { failureCases } from "./cases/failure.js";
import { keyCases } from "./cases/key.js";
import { listCases } from "./cases/list.js";
import { metadataCases } from "./cases/metadata.js";
import { multipartCases } from "./cases/multipart.js";
import { rangeCases } from "./cases/range.js";
import { readCases } from "./cases/read.js";
import { removeCases } from "./cases/remove.js";
import { signCases } from "./cases/sign.js";
import { writeCases } from "./cases/write.js";

/** Every rule that a backend must keep, by what it is about. */
export const conformanceCases: {
  readonly [Group in
    | "write"
    | "read"
    | "range"
    | "metadata"
    | "list"
    | "remove"
    | "copy"
    | "condition"
    | "multipart"
    | "sign"
    | "abort"
    | "key"
    | "failure"]: readonly ConformanceCase[];
} = {
  write: writeCases,
  read: readCases,
  range: rangeCases,
  metadata: metadataCases,
  list: listCases,
  remove: removeCases,
  copy: copyCases,
  condition: [...conditionCases, ...inabilityCases],
  multipart: multipartCases,
  sign: signCases,
  abort: abortCases,
  key: keyCases,
  failure: failureCases,
};

/** What a case is about. */
export type CaseGroup = keyof typeof conformanceCases;
