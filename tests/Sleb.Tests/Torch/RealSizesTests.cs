using System.Text;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using Sleb.Torch.Families;
using Sleb.Torch.Natives;
using static TorchSharp.torch;

namespace Sleb.Tests.Torch;

/// <summary>Published configurations, built without weights on the meta device: are names, shapes and parameter counts those of the real checkpoints?</summary>
public class RealSizesTests
{
    private static readonly JsonArray Models = JsonNode.Parse(File.ReadAllBytes(TestFiles.Data("real-sizes.json")))!["models"]!.AsArray();

    /// <summary>Every published model of a family that is in the registry.</summary>
    public static TheoryData<string> Published => [.. Models.Where(model => FamilyRegistry.Find(Type(model!)) is not null).Select(model => (string)model!["model"]!)];

    /// <summary>Every family.</summary>
    public static TheoryData<string> Families => [.. FamilyRegistry.All.Select(family => family.ModelType)];

    [Theory]
    [MemberData(nameof(Published))]
    public void Parameters_are_as_many_as_the_published_checkpoint_has(string name)
    {
        var model = Models.Single(model => (string)model!["model"]! == name)!;
        using var built = Build(model);
        Assert.Equal((long)model["parameters"]!, built.named_parameters().Sum(parameter => parameter.parameter.numel()));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Names_and_shapes_are_the_approved_ones(string family)
    {
        var model = Models.First(model => Type(model!) == family)!;
        using var built = Build(model);
        var text = new StringBuilder($"{model["model"]}: block 0 and all outside the blocks\n");
        string prefix = FamilyRegistry.Get(family).BlockPrefix;
        var lines = built.named_parameters().Where(parameter => parameter.name.Split('.').All(part => part is "0" || !char.IsAsciiDigit(part[0]))) // of experts, too, the first
            .Select(parameter => $"{parameter.name} {TensorEntry.Format(parameter.parameter.shape)}").Order(StringComparer.Ordinal);
        foreach (string line in lines) text.Append(line).Append('\n');
        string approved = TestFiles.Data("real-sizes", family + ".txt");
        Assert.True(File.Exists(approved), $"{approved} is missing; a person who has checked it against the published checkpoint puts this there:\n{text}");
        Assert.Equal(File.ReadAllText(approved), text.ToString());
        int blocks = built.named_parameters().Select(parameter => BlockName.Index(parameter.name, prefix)).OfType<int>().Distinct().Count();
        Assert.Equal(built.BlockCount, blocks);
    }

    private static CausalLM Build(JsonNode model)
    {
        LibTorch.EnsureLoaded(); // before META, which is TorchSharp's own
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], model["config"]!.ToJsonString());
        var config = ModelConfig.Load(folder.Path);
        var family = FamilyRegistry.Get(config.ModelType);
        return TorchFamilies.Create(family, config, ownHead: !config.Bool("tie_word_embeddings", family.TiedByDefault), META);
    }

    private static string Type(JsonNode model) => (string)model["config"]!["model_type"]!;
}
