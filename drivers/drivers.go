// Package drivers lists the drivers that the program knows. A new one is a folder beside this file and a line
// in All.
package drivers

import (
	"tillbridge/drivers/caisseap"
	"tillbridge/drivers/ecr17"
	"tillbridge/drivers/telium"
	"tillbridge/drivers/zvt"
	"tillbridge/terminal"
)

// All is every driver, by name.
func All() []terminal.Driver {
	return []terminal.Driver{
		caisseap.Driver(),
		ecr17.Driver(),
		telium.Driver(),
		zvt.Driver(),
	}
}
