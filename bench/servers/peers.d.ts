/** What is used of peers that have no types of their own. */
declare module "busboy" {
  interface Form extends NodeJS.WritableStream {
    on(event: "file", listener: (name: string, file: import("node:stream").Readable) => void): this;
    on(event: "close", listener: () => void): this;
  }
  function busboy(options: { headers: import("node:http").IncomingHttpHeaders }): Form;
  export = busboy;
}

declare module "formidable" {
  interface Options {
    uploadDir: string;
    maxFileSize: number;
    maxTotalFileSize: number;
    filename: () => string;
  }
  function formidable(options: Options): {
    parse(request: import("node:http").IncomingMessage): Promise<unknown>;
  };
  export = formidable;
}
