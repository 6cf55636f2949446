# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What of a database is an addon's trace: its schema, and what Odoo knows of it."""

COLUMNS = """
    SELECT table_name, column_name, data_type, column_default, is_nullable
      FROM information_schema.columns
     WHERE table_schema = 'public'
"""
INDEXES = "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'"
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
      FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace
"""
TRIGGERS = """
    SELECT tgrelid::regclass::text, pg_get_triggerdef(oid)
      FROM pg_trigger
     WHERE NOT tgisinternal
"""
# Sequences, views and types among them.
RELATIONS = """
    SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace
"""
FUNCTIONS = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
SCHEMA = (COLUMNS, INDEXES, CONSTRAINTS, TRIGGERS, RELATIONS, FUNCTIONS)

# Not what Odoo itself adds when it loads modules: an entry for each module it finds, a
# trigger of its vacuum; and it keeps an entry for each foreign key that ever was.
RECORDS = (
    "SELECT 'cron', cron_name FROM ir_cron",
    "SELECT 'action', type, name::text FROM ir_actions",
    "SELECT 'code', code FROM ir_act_server",
    """
    SELECT 'trigger', cron_name
      FROM ir_cron_trigger
      JOIN ir_cron ON ir_cron.id = cron_id
     WHERE cron_name NOT LIKE 'Base: Auto-vacuum%'
    """,
    "SELECT 'setting', key FROM ir_config_parameter",
    """
    SELECT 'xml id', module, name FROM ir_model_data WHERE model <> 'ir.module.module'
    """,
    "SELECT 'view', name, model FROM ir_ui_view",
    "SELECT 'model', model FROM ir_model",
    "SELECT 'field', model, name FROM ir_model_fields",
    "SELECT 'constraint', name FROM ir_model_constraint WHERE type <> 'f'",
    "SELECT 'access', name FROM ir_model_access",
    "SELECT 'menu', name::text FROM ir_ui_menu",
)


def read(cr, queries):
    """Return the rows of these queries as a sorted list."""
    rows = []
    for query in queries:
        cr.execute(query)
        rows += cr.fetchall()
    return sorted(rows, key=repr)
