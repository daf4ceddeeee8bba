// The entry of every page: theme, shell, then the page of the URL. Grafana's data package loads only with a dashboard.
import './app/theme.css';
import './app/base.css';
import './app/top.css';
import './app/controls.css';
import './app/messages.css';
import './app/boxes.css';
import './app/pickers.css';
import './app/pages.css';
import './app/listing.css';
import './app/dashboard.css';
import './app/grid.css';
import './app/panel-state.css';
// A chunk that is loaded later does not bring its styles along.
import './panels/styles.css';
import './app/media.css';
import { startKeyboard } from './app/keyboard';
import { startRouter } from './app/router';
import { buildShell } from './app/shell';
import { startTheme } from './app/theme';

startTheme();
startKeyboard();
startRouter(buildShell(document.getElementById('app') ?? document.body));
