package main

import (
	"github.com/spf13/cobra"

	"huidu/nginxconf/native"
)

// newSchemaCommand is huidu schema.
func newSchemaCommand(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of huidu.yaml",
		Long: `Prints the JSON Schema of huidu.yaml, so that editors complete and check it:

  huidu schema >huidu.schema.json

and, for editors with the YAML language server, as the first line of huidu.yaml:

  # yaml-language-server: $schema=./huidu.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := native.Schema()
			if err != nil {
				return err
			}
			_, err = p.stdout.Write(text)
			return err
		},
	}
}
