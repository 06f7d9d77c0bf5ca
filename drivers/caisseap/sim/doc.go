// Package sim plays a French terminal that speaks Caisse-AP, over TCP or on a serial line by Concert's exchange. It books a
// sale as soon as the bank has approved it, and shares nothing with the driver above the frame bricks.
package sim
