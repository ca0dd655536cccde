//! Recipes: named sets of values that a configuration starts from.

use instructue_adapter::AdapterKind;
use instructue_losses::ContrastiveConfig;
use instructue_model::Size;

use crate::config::recipe::Recipe;
use crate::config::settings::RunConfig;

impl Recipe {
    /// A run as the recipe has it.
    pub fn config(self) -> RunConfig {
        match self {
            Self::Minutes => RunConfig::minutes(),
            Self::Paper => paper(),
        }
    }
}

fn paper() -> RunConfig {
    let mut config = RunConfig {
        recipe: Recipe::Paper,
        size: Size::Base,
        ..RunConfig::minutes()
    };
    config.pretrained.backbone = Some("Qwen/Qwen2.5-0.5B-Instruct".into());
    config.pretrained.encoder = Some("thenlper/gte-base".into());
    // Not in InstructUE: event features, summary tokens (Q-Anchor's), lookup and counts.
    config.model.event_features = false;
    config.model.summaries = false;
    config.model.tabular_at_user = false;
    config.model.pca_components = 0;
    config.model.lookup = false;
    config.model.lexical_matches = false;
    config.model.adapter = AdapterKind::Linear;
    let train = &mut config.train;
    train.steps = 50_000;
    // 2,048 pairs a step.
    train.batch.users_per_step = 512;
    train.batch.instructions_per_user = 4;
    train.batch.families_per_step = 0;
    train.batch.mixed_families = 0.0;
    train.batch.extra_negatives = 0;
    train.batch.instruction_dropout = 0.0;
    train.batch.event_replacement = 0.0;
    train.loss.contrastive_weight = 1.0;
    train.loss.contrastive = ContrastiveConfig::paper();
    train.optimizer.learning_rate = 2e-4;
    train.schedule.warmup = 0.03;
    train.schedule.final_learning_rate = 0.0;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_is_valid_and_names_itself() {
        for recipe in [Recipe::Minutes, Recipe::Paper] {
            let config = recipe.config();
            config.validate().unwrap();
            assert_eq!(config.recipe, recipe);
        }
    }

    #[test]
    fn a_file_changes_what_it_names_and_leaves_the_rest_to_its_recipe() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.toml");
        let load = |text: &str| {
            std::fs::write(&path, text).unwrap();
            RunConfig::load(&path).unwrap()
        };
        assert_eq!(load(""), RunConfig::default());
        // A key of a nested table does not bring its siblings back to other defaults.
        let own = load("[train.loss.contrastive]\nmargin = 0.2\n");
        let mut expected = RunConfig::default();
        expected.train.loss.contrastive.margin = 0.2;
        assert_eq!(own, expected);
        let own = load("recipe = \"paper\"\n[train.loss.contrastive]\nmargin = 0.2\n");
        let mut expected = Recipe::Paper.config();
        expected.train.loss.contrastive.margin = 0.2;
        assert_eq!(own, expected);
        // What a run saves is complete, so it comes back as it was.
        assert_eq!(load(&expected.to_toml()), expected);
    }
}
