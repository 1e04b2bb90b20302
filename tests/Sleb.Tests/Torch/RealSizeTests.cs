using System.Text.Json.Nodes;
using Sleb.Core.Families;
using Sleb.Tests.Checkpoints;
using Sleb.Torch.Families;
using Sleb.Torch.Natives;

namespace Sleb.Tests.Torch;

/// <summary>Do published configurations give models of the published size? Built without weights.</summary>
public class RealSizeTests
{
    [Fact]
    public void Published_configurations_give_the_published_parameter_counts()
    {
        LibTorch.EnsureLoaded();
        var models = JsonNode.Parse(File.ReadAllText(TestFiles.Shared("reference", "real-sizes.json")))!["models"]!.AsArray();
        var seen = new HashSet<string>();
        Assert.All(models, entry =>
        {
            var config = TinyModel.LoadConfig(entry!["config"]!.ToJsonString());
            if (FamilyRegistry.Find(config.ModelType) is not { } family) return;
            seen.Add(family.ModelType);
            using var model = TorchFamilies.Create(family, config, ownHead: !config.Bool("tie_word_embeddings", family.TiedByDefault), TorchSharp.torch.META);
            Assert.Equal(entry["parameters"]!.GetValue<long>(), model.parameters().Sum(parameter => parameter.numel()));
        });
        Assert.Superset(new HashSet<string> { "qwen2", "qwen3", "qwen3_moe", "olmo2", "smollm3", "granite", "phi3", "gemma2", "gemma3_text" }, seen);
    }
}
