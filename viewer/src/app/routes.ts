// Which page a path stands for.

export type Route =
  | { name: 'dashboards' }
  | { name: 'dashboard'; uid: string }
  | { name: 'targets' }
  | { name: 'rules' }
  | { name: 'alerts' }
  | { name: 'runbook' }
  | { name: 'not-found'; path: string };

export function readRoute(pathname: string): Route {
  const path = pathname.length > 1 ? pathname.replace(/\/+$/, '') : pathname;
  switch (path) {
    case '/':
    case '':
    case '/dashboards':
      return { name: 'dashboards' };
    case '/targets':
      return { name: 'targets' };
    case '/rules':
      return { name: 'rules' };
    case '/alerts':
      return { name: 'alerts' };
    case '/runbook':
      return { name: 'runbook' };
  }
  const uid = /^\/dashboards\/([^/]+)$/.exec(path)?.[1];
  if (!uid) return { name: 'not-found', path: pathname };
  try {
    return { name: 'dashboard', uid: decodeURIComponent(uid) };
  } catch {
    return { name: 'not-found', path: pathname };
  }
}
