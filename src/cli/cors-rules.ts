/** What a provider must be told so that browsers may send content to it, and how. */
export interface CorsAdvice {
  /** As the provider takes it; `undefined` where there is nothing to set. */
  readonly rules: object | undefined;
  readonly how: string;
}

const maxAgeSeconds = 3600;

/** @param type - of the backend, as in `STORAGE_BACKEND`. */
export function corsAdvice(type: string, origins: readonly string[]): CorsAdvice {
  return advice.get(type)?.(origins) ?? ownRoutes;
}

const ownRoutes: CorsAdvice = {
  rules: undefined,
  how: "the service itself takes the uploads; CORS_ALLOW_ORIGINS is all that is needed",
};

const advice: ReadonlyMap<string, (origins: readonly string[]) => CorsAdvice> = new Map<
  string,
  (origins: readonly string[]) => CorsAdvice
>([
  [
    "s3",
    (origins) => ({
      rules: {
        CORSRules: [
          {
            AllowedOrigins: origins,
            AllowedMethods: ["PUT"],
            AllowedHeaders: ["*"],
            ExposeHeaders: ["ETag"],
            MaxAgeSeconds: maxAgeSeconds,
          },
        ],
      },
      how: "aws s3api put-bucket-cors --bucket BUCKET --cors-configuration file://cors.json",
    }),
  ],
  [
    "gcs",
    (origins) => ({
      rules: [
        {
          origin: origins,
          method: ["PUT"],
          responseHeader: ["Content-Type", "Content-Disposition", "x-goog-content-length-range"],
          maxAgeSeconds,
        },
      ],
      how: "gcloud storage buckets update gs://BUCKET --cors-file=cors.json",
    }),
  ],
  [
    "azure",
    (origins) => ({
      rules: {
        CorsRules: [
          {
            AllowedOrigins: origins.join(","),
            AllowedMethods: "PUT,OPTIONS",
            AllowedHeaders: "*",
            ExposedHeaders: "ETag",
            MaxAgeInSeconds: maxAgeSeconds,
          },
        ],
      },
      how: `az storage cors add --services b --methods PUT OPTIONS --allowed-headers '*' --max-age ${maxAgeSeconds} --origins ${origins.join(" ")}`,
    }),
  ],
  [
    "cloudinary",
    () => ({
      rules: undefined,
      how: "its upload address takes requests from every page; nothing has to be set",
    }),
  ],
]);
