"""Frozen: what an approver signs and what the stages hand on: revisions, proposals, recipients, states."""
