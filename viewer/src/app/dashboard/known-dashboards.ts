// The list of dashboards as far as it is known by now, for links that are built while drawing.
import { dashboardList, type DashboardSummary } from '../api';

let known: DashboardSummary[] | undefined;

export function dashboardListNow(): DashboardSummary[] | undefined {
  return known;
}

/** Asks once and calls back when the list is there. */
export function whenDashboardsKnown(callback: () => void): void {
  dashboardList()
    .then((list) => {
      known = list;
      callback();
    })
    .catch(() => undefined);
}
