"""The hub's tables. Ids come from one sequence, so that an id of the wrong kind never fits by accident.

`born` is the exact second of creation (a float) beside GitHub's whole-second `created_at`: lists that lag
are cut by it.
"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS sequence (next INTEGER NOT NULL);
INSERT INTO sequence SELECT 10001 WHERE NOT EXISTS (SELECT 1 FROM sequence);

CREATE TABLE IF NOT EXISTS users (
  id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE COLLATE NOCASE, name TEXT, email TEXT NOT NULL,
  type TEXT NOT NULL, app_id INTEGER, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
  token TEXT PRIMARY KEY, user_id INTEGER, installation_id INTEGER, permissions TEXT, repository_ids TEXT,
  expires REAL);
CREATE TABLE IF NOT EXISTS repositories (
  id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, owner TEXT NOT NULL COLLATE NOCASE,
  name TEXT NOT NULL COLLATE NOCASE, description TEXT, private INTEGER NOT NULL, default_branch TEXT NOT NULL,
  next_number INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, pushed_at TEXT NOT NULL,
  UNIQUE (owner, name));
CREATE TABLE IF NOT EXISTS collaborators (
  repo_id INTEGER NOT NULL, user_id INTEGER NOT NULL, role TEXT NOT NULL, PRIMARY KEY (repo_id, user_id));

CREATE TABLE IF NOT EXISTS apps (
  id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, public_key TEXT NOT NULL,
  webhook_url TEXT, webhook_secret TEXT, permissions TEXT NOT NULL, events TEXT NOT NULL,
  owner_id INTEGER NOT NULL, bot_id INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS installations (
  id INTEGER PRIMARY KEY, app_id INTEGER NOT NULL, account_id INTEGER NOT NULL, created_at TEXT NOT NULL,
  UNIQUE (app_id, account_id));
CREATE TABLE IF NOT EXISTS installation_repositories (
  installation_id INTEGER NOT NULL, repo_id INTEGER NOT NULL, PRIMARY KEY (installation_id, repo_id));

CREATE TABLE IF NOT EXISTS labels (
  id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, name TEXT NOT NULL COLLATE NOCASE, color TEXT NOT NULL,
  description TEXT, is_default INTEGER NOT NULL, born REAL NOT NULL, UNIQUE (repo_id, name));
CREATE TABLE IF NOT EXISTS issues (
  id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, number INTEGER NOT NULL, is_pull INTEGER NOT NULL,
  title TEXT NOT NULL, body TEXT, state TEXT NOT NULL, state_reason TEXT, author_id INTEGER NOT NULL,
  via_app INTEGER, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, closed_at TEXT, closed_by INTEGER,
  born REAL NOT NULL, UNIQUE (repo_id, number));
CREATE TABLE IF NOT EXISTS issue_labels (
  issue_id INTEGER NOT NULL, label_id INTEGER NOT NULL, born REAL NOT NULL, PRIMARY KEY (issue_id, label_id));
CREATE TABLE IF NOT EXISTS comments (
  id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, issue_id INTEGER NOT NULL, author_id INTEGER NOT NULL,
  via_app INTEGER, body TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, born REAL NOT NULL);
CREATE INDEX IF NOT EXISTS comments_of_issue ON comments (issue_id);
CREATE TABLE IF NOT EXISTS reactions (
  id INTEGER PRIMARY KEY, subject TEXT NOT NULL, subject_id INTEGER NOT NULL, user_id INTEGER NOT NULL,
  content TEXT NOT NULL, created_at TEXT NOT NULL, born REAL NOT NULL,
  UNIQUE (subject, subject_id, user_id, content));
CREATE TABLE IF NOT EXISTS issue_events (
  id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, issue_id INTEGER NOT NULL, actor_id INTEGER NOT NULL,
  via_app INTEGER, event TEXT NOT NULL, commit_id TEXT, detail TEXT NOT NULL, created_at TEXT NOT NULL,
  born REAL NOT NULL);
CREATE INDEX IF NOT EXISTS events_of_issue ON issue_events (issue_id);

CREATE TABLE IF NOT EXISTS pulls (
  issue_id INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, head_ref TEXT NOT NULL, head_sha TEXT NOT NULL,
  base_ref TEXT NOT NULL, base_sha TEXT NOT NULL, draft INTEGER NOT NULL, merged_at TEXT, merged_by INTEGER,
  merge_commit_sha TEXT);
CREATE TABLE IF NOT EXISTS reviews (
  id INTEGER PRIMARY KEY, issue_id INTEGER NOT NULL, author_id INTEGER NOT NULL, state TEXT NOT NULL,
  body TEXT NOT NULL, commit_id TEXT NOT NULL, submitted_at TEXT, born REAL NOT NULL);
CREATE TABLE IF NOT EXISTS review_requests (
  issue_id INTEGER NOT NULL, user_id INTEGER NOT NULL, PRIMARY KEY (issue_id, user_id));

CREATE TABLE IF NOT EXISTS review_comments (
  id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, issue_id INTEGER NOT NULL, review_id INTEGER NOT NULL,
  author_id INTEGER NOT NULL, body TEXT NOT NULL, path TEXT NOT NULL, side TEXT NOT NULL, line INTEGER NOT NULL,
  start_side TEXT, start_line INTEGER, position INTEGER NOT NULL, diff_hunk TEXT NOT NULL, commit_id TEXT NOT NULL,
  in_reply_to INTEGER, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, born REAL NOT NULL);
CREATE INDEX IF NOT EXISTS comments_of_pull ON review_comments (issue_id);
CREATE TABLE IF NOT EXISTS protections (
  repo_id INTEGER NOT NULL, branch TEXT NOT NULL, rules TEXT NOT NULL, PRIMARY KEY (repo_id, branch));

CREATE TABLE IF NOT EXISTS check_suites (
  id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, app_id INTEGER NOT NULL, head_sha TEXT NOT NULL,
  head_branch TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (repo_id, app_id, head_sha));
CREATE TABLE IF NOT EXISTS check_runs (
  id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, suite_id INTEGER NOT NULL, app_id INTEGER NOT NULL,
  name TEXT NOT NULL, head_sha TEXT NOT NULL, external_id TEXT NOT NULL, details_url TEXT,
  status TEXT NOT NULL, conclusion TEXT, started_at TEXT, completed_at TEXT, title TEXT, summary TEXT,
  text TEXT, annotations TEXT NOT NULL, born REAL NOT NULL);
CREATE INDEX IF NOT EXISTS check_runs_of_commit ON check_runs (repo_id, head_sha);
CREATE TABLE IF NOT EXISTS statuses (
  id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, sha TEXT NOT NULL, state TEXT NOT NULL,
  context TEXT NOT NULL, description TEXT, target_url TEXT, creator_id INTEGER NOT NULL,
  created_at TEXT NOT NULL, born REAL NOT NULL);

CREATE TABLE IF NOT EXISTS deployments (
  id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, sha TEXT NOT NULL, ref TEXT NOT NULL, task TEXT NOT NULL,
  environment TEXT NOT NULL, original_environment TEXT NOT NULL, description TEXT, payload TEXT NOT NULL,
  transient INTEGER NOT NULL, production INTEGER NOT NULL, creator_id INTEGER NOT NULL, via_app INTEGER,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL, born REAL NOT NULL);
CREATE INDEX IF NOT EXISTS deployments_of_commit ON deployments (repo_id, sha);
CREATE TABLE IF NOT EXISTS deployment_statuses (
  id INTEGER PRIMARY KEY, deployment_id INTEGER NOT NULL, state TEXT NOT NULL, description TEXT NOT NULL,
  environment TEXT NOT NULL, environment_url TEXT NOT NULL, log_url TEXT NOT NULL, creator_id INTEGER NOT NULL,
  via_app INTEGER, created_at TEXT NOT NULL, born REAL NOT NULL);
CREATE INDEX IF NOT EXISTS statuses_of_deployment ON deployment_statuses (deployment_id);
CREATE TABLE IF NOT EXISTS workflow_runs (
  id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, workflow_id INTEGER NOT NULL, path TEXT NOT NULL,
  name TEXT NOT NULL, title TEXT NOT NULL, run_number INTEGER NOT NULL, event TEXT NOT NULL,
  head_branch TEXT, head_sha TEXT NOT NULL, inputs TEXT NOT NULL, status TEXT NOT NULL, conclusion TEXT,
  actor_id INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, started_at TEXT,
  born REAL NOT NULL);
CREATE INDEX IF NOT EXISTS runs_of_workflow ON workflow_runs (repo_id, path);

CREATE TABLE IF NOT EXISTS refs (
  repo_id INTEGER NOT NULL, name TEXT NOT NULL, sha TEXT NOT NULL, PRIMARY KEY (repo_id, name));
CREATE TABLE IF NOT EXISTS ref_updates (
  id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, name TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS open_pushes (repo_id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS deliveries (
  seq INTEGER PRIMARY KEY, guid TEXT NOT NULL UNIQUE, app_id INTEGER NOT NULL, installation_id INTEGER NOT NULL,
  repo_id INTEGER, event TEXT NOT NULL, action TEXT, payload TEXT NOT NULL, created_at TEXT NOT NULL,
  state TEXT NOT NULL, ready REAL NOT NULL, copies INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (state);
CREATE TABLE IF NOT EXISTS attempts (
  id INTEGER PRIMARY KEY, guid TEXT NOT NULL, at TEXT NOT NULL, status INTEGER NOT NULL, error TEXT,
  ms REAL NOT NULL, redelivery INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_of_delivery ON attempts (guid);

CREATE TABLE IF NOT EXISTS controls (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
