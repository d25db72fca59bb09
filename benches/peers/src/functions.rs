//! The function that programs ask for a row, as Vector has it.

use std::sync::Arc;

use vrl::compiler::prelude::*;
use vrl::value::Value;

use crate::file_table::FileTable;

/// `get_enrichment_table_record(table, condition)`.
#[derive(Debug)]
pub struct GetRecord(pub Arc<FileTable>);

impl Function for GetRecord {
    fn identifier(&self) -> &'static str {
        "get_enrichment_table_record"
    }

    fn usage(&self) -> &'static str {
        "Searches the table for the row that the condition names."
    }

    fn category(&self) -> &'static str {
        "Enrichment"
    }

    fn return_kind(&self) -> u16 {
        kind::OBJECT
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn parameters(&self) -> &'static [Parameter] {
        const PARAMETERS: &[Parameter] = &[
            Parameter::required("table", kind::BYTES, "The table."),
            Parameter::required("condition", kind::OBJECT, "Columns and their values."),
        ];
        PARAMETERS
    }

    fn compile(
        &self,
        _: &TypeState,
        _: &mut FunctionCompileContext,
        arguments: ArgumentList,
    ) -> Compiled {
        let table = Arc::clone(&self.0);
        let _name = arguments.required("table");
        let conditions = arguments.required_object("condition")?;
        Ok(Record {
            table,
            conditions: conditions
                .into_iter()
                .map(|(column, value)| (column.to_string(), Box::new(value) as Box<dyn Expression>))
                .collect(),
        }
        .as_expr())
    }
}

#[derive(Clone, Debug)]
struct Record {
    table: Arc<FileTable>,
    conditions: Vec<(String, Box<dyn Expression>)>,
}

impl FunctionExpression for Record {
    fn resolve(&self, ctx: &mut Context<'_>) -> Resolved {
        let [(column, value)] = &self.conditions[..] else {
            return Err("one condition".into());
        };
        let value = value.resolve(ctx)?;
        Ok(Value::Object(self.table.find(column, &value)?))
    }

    fn type_def(&self, _: &TypeState) -> TypeDef {
        TypeDef::object(Collection::any()).fallible()
    }
}
