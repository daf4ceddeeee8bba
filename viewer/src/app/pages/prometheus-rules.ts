// Prometheus's rules and alerts as its API gives them.

export interface PrometheusAlert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  state: 'firing' | 'pending' | 'inactive';
  activeAt?: string;
  keepFiringSince?: string;
  value: string;
}

export interface Rule {
  type: 'alerting' | 'recording';
  name: string;
  query: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** Seconds that the expression must hold. */
  duration?: number;
  keepFiringFor?: number;
  alerts?: PrometheusAlert[];
  state?: 'firing' | 'pending' | 'inactive';
  health: string;
  lastError?: string;
  evaluationTime?: number;
  lastEvaluation?: string;
}

export interface RuleGroup {
  name: string;
  file: string;
  interval: number;
  evaluationTime?: number;
  lastEvaluation?: string;
  rules: Rule[];
}

/** `firing`, `pending` or `inactive` of an alert rule; a recording rule is `recording`. */
export function ruleState(rule: Rule): string {
  return rule.type === 'recording' ? 'recording' : (rule.state ?? 'inactive');
}
