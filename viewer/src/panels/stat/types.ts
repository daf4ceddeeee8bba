// `FieldSparkline` is not exported by @grafana/data under its name.
import type { FieldDisplay } from '@grafana/data';

export type FieldSparkline = NonNullable<FieldDisplay['sparkline']>;
