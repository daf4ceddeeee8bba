// What a refused or broken answer says, in one plain sentence: the proxy's problem+json, Prometheus's and Loki's own errors.

import type { Away } from '../contract';
import type { SourceKind } from '../sources';

const prometheusErrors: Record<string, string> = {
  bad_data: 'refuses the query',
  timeout: 'took too long for the query',
  canceled: 'stopped the query',
  execution: 'cannot run the query',
  internal: 'failed inside',
  unavailable: 'is not ready',
  not_found: 'does not know what was asked for',
  too_many_requests: 'has too many queries at once',
};

interface ErrorBody {
  code?: string;
  detail?: string;
  title?: string;
  errorType?: string;
  error?: string;
  message?: string;
}

/** `source` is its name for the reader: `Prometheus`. `text` is the body. */
export function describeError(source: string, status: number, text: string): string {
  const body = parseBody(text);
  if (body?.detail) return sentence(body.detail);
  if (body?.error) return sentence(`${source} ${prometheusErrors[body.errorType ?? ''] ?? 'refuses the query'}: ${body.error}`);
  const said = body?.message ?? body?.title ?? plainText(text);
  // Loki answers its parse errors as plain text.
  if (status === 400 && said) return sentence(`${source} refuses the query: ${said}`);
  return sentence(`${source} answered with status ${status}${said ? `: ${said}` : ''}`);
}

/** Where the proxy says that it cannot reach the source at all. */
export function awayFrom(source: SourceKind, text: string): { away?: Away } {
  const code = parseBody(text)?.code;
  return code === 'query_source_unreachable' || code === 'query_source_unconfigured' ? { away: { source, code } } : {};
}

/** An answer's error, thrown where nothing can go on without the answer. */
export class AnswerError extends Error {
  readonly away: Away | undefined;

  constructor(message: string, away: Away | undefined) {
    super(message);
    this.away = away;
  }
}

function parseBody(text: string): ErrorBody | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return body !== null && typeof body === 'object' && !Array.isArray(body) ? (body as ErrorBody) : undefined;
  } catch {
    return undefined;
  }
}

/** The first line, unless it is a page of HTML. */
function plainText(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.startsWith('<') ? '' : line.slice(0, 300);
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
