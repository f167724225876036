/** One request that carries content to the provider. */
export interface PreparedRequest {
  readonly method: "PUT" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What a form has before its file; empty where the content is the whole body. */
  readonly fields: Readonly<Record<string, string>>;
}

/** A part of the content, from one byte up to the one before another. */
export interface PreparedPart extends PreparedRequest {
  readonly start: number;
  readonly end: number;
}

/** What `POST /uploads` answers. */
export interface PreparedUpload extends Omit<PreparedRequest, "url"> {
  readonly id: string;
  /** `null` where it goes in parts. */
  readonly url: string | null;
  readonly parts: readonly PreparedPart[];
}
