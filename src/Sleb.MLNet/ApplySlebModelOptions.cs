using Microsoft.ML;

namespace Sleb.MLNet;

/// <summary>Settings of <see cref="SlebCatalog.ApplySlebModel(TransformsCatalog, ApplySlebModelOptions)"/>. They are copied when the estimator is made.</summary>
public sealed class ApplySlebModelOptions : SlebScoringOptions
{
    /// <summary>
    /// A decoder folder for ONNX Runtime GenAI (model.onnx with its data, genai_config.json, tokenizer.json), for example one that
    /// <see cref="SlebModelTransformer.SaveModelFolder"/>, <c>sleb prune</c> or <c>sleb export</c> wrote. Required.
    /// </summary>
    /// <value>The default is empty.</value>
    public string ModelFolder { get; set; } = "";

    internal ApplySlebModelOptions Checked()
    {
        Validate(nameof(SlebCatalog.ApplySlebModel));
        return (ApplySlebModelOptions)MemberwiseClone();
    }

    private protected override IEnumerable<string> FindFaults()
    {
        if (string.IsNullOrWhiteSpace(ModelFolder)) yield return "ModelFolder is empty; give the folder of an ONNX Runtime GenAI model.";
        foreach (string fault in base.FindFaults()) yield return fault;
    }
}
